// The leader's (or standalone server's) own knowledge: who was heard of when, who is due now.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "base/ids.h"

namespace quorate::znode {

/// Expiry in buckets of one tick, deadline rounded up: a silent session lives timeout to
/// timeout + tick. Times are monotonic milliseconds. A new leader starts every session with a
/// whole timeout (hazard R58).
class SessionTracker {
 public:
  explicit SessionTracker(std::int64_t tick_ms) : tick_ms_(tick_ms) {}

  /// Adds or touches. Unknown sessions are added.
  void touch(SessionId id, std::int32_t timeout_ms, std::int64_t now_ms);
  void remove(SessionId id);
  void clear();
  bool contains(SessionId id) const { return deadlines_.contains(id); }
  std::size_t size() const { return deadlines_.size(); }
  const std::unordered_map<SessionId, std::int64_t>& deadlines() const { return deadlines_; }

  /// The sessions whose deadline has passed, in id order; they leave the tracker.
  std::vector<SessionId> take_expired(std::int64_t now_ms);

 private:
  std::int64_t tick_ms_;
  std::unordered_map<SessionId, std::int64_t> deadlines_;
  std::map<std::int64_t, std::vector<SessionId>> buckets_;  ///< May hold stale entries: re-checked.
};

}  // namespace quorate::znode
