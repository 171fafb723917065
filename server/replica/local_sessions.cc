#include "server/replica/local_sessions.h"

#include <algorithm>

namespace quorate::server {

bool LocalSessions::create(SessionId session, std::int32_t timeout_ms, std::int64_t now_ms) {
  if (timeouts_.size() >= kMax) return false;
  timeouts_[session] = timeout_ms;
  tracker_.touch(session, timeout_ms, now_ms);
  return true;
}

bool LocalSessions::touch(SessionId session, std::int32_t timeout_ms, std::int64_t now_ms) {
  const auto at = timeouts_.find(session);
  if (at == timeouts_.end()) return false;
  at->second = timeout_ms;
  tracker_.touch(session, timeout_ms, now_ms);
  return true;
}

void LocalSessions::remove(SessionId session) {
  timeouts_.erase(session);
  tracker_.remove(session);
}

void LocalSessions::regrant(std::int64_t now_ms) {
  for (const auto& [session, timeout_ms] : timeouts_) tracker_.touch(session, timeout_ms, now_ms);
}

std::vector<SessionId> LocalSessions::take_expired(std::int64_t now_ms) {
  std::vector<SessionId> expired = tracker_.take_expired(now_ms);
  for (SessionId session : expired) timeouts_.erase(session);
  return expired;
}

void LocalSessions::clear() {
  timeouts_.clear();
  tracker_.clear();
  upgrading_.clear();
  in_doubt_.clear();
}

std::vector<std::pair<SessionId, std::int32_t>> LocalSessions::list() const {
  std::vector<std::pair<SessionId, std::int32_t>> all(timeouts_.begin(), timeouts_.end());
  std::sort(all.begin(), all.end());
  return all;
}

std::optional<std::int32_t> LocalSessions::begin_upgrade(SessionId session) {
  const auto at = timeouts_.find(session);
  if (at == timeouts_.end()) return std::nullopt;
  const std::int32_t timeout_ms = at->second;
  remove(session);
  upgrading_.insert(session);
  return timeout_ms;
}

bool LocalSessions::upgraded(SessionId session) {
  return !upgrading_.empty() && upgrading_.erase(session) != 0;
}

}  // namespace quorate::server
