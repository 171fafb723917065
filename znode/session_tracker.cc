#include "znode/session_tracker.h"

#include <algorithm>

#include "base/ensure.h"

namespace quorate::znode {

/// Rounded up to the next tick, also when it falls on one: never early.
std::int64_t SessionTracker::deadline_of(std::int32_t timeout_ms, std::int64_t now_ms) const {
  ENSURE(tick_ms_ > 0);
  return ((now_ms + timeout_ms) / tick_ms_ + 1) * tick_ms_;
}

void SessionTracker::touch(SessionId id, std::int32_t timeout_ms, std::int64_t now_ms) {
  const std::int64_t deadline = deadline_of(timeout_ms, now_ms);
  auto [at, added] = heard_.try_emplace(id, Heard{deadline, deadline});
  if (added) {
    buckets_[deadline].push_back(id);
    return;
  }
  // A touch never shortens a life: pings may be reported late and out of order.
  at->second.deadline = std::max(at->second.deadline, deadline);
}

void SessionTracker::renew(SessionId id, std::int32_t timeout_ms, std::int64_t now_ms) {
  const auto at = heard_.find(id);
  if (at == heard_.end()) return;
  at->second.deadline = std::max(at->second.deadline, deadline_of(timeout_ms, now_ms));
}

void SessionTracker::remove(SessionId id) {
  heard_.erase(id);
}

void SessionTracker::clear() {
  heard_.clear();
  buckets_.clear();
}

std::vector<SessionId> SessionTracker::take_expired(std::int64_t now_ms) {
  std::vector<SessionId> expired;
  while (!buckets_.empty() && buckets_.begin()->first <= now_ms) {
    auto bucket = buckets_.extract(buckets_.begin());
    for (SessionId id : bucket.mapped()) {
      auto at = heard_.find(id);
      if (at == heard_.end() || at->second.bucket != bucket.key()) continue;
      if (at->second.deadline > bucket.key()) {
        at->second.bucket = at->second.deadline;
        buckets_[at->second.bucket].push_back(id);
        continue;
      }
      expired.push_back(id);
      heard_.erase(at);
    }
  }
  std::sort(expired.begin(), expired.end());
  return expired;
}

}  // namespace quorate::znode
