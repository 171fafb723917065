#include "server/replica/local_sessions.h"

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
}

}  // namespace quorate::server
