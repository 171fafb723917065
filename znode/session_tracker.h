// The leader's (or standalone server's) own knowledge: who was heard of when, who is due now.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
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
  /// Touches; unknown sessions stay unknown.
  void renew(SessionId id, std::int32_t timeout_ms, std::int64_t now_ms);
  void remove(SessionId id);
  void clear();
  bool contains(SessionId id) const { return heard_.contains(id); }
  std::size_t size() const { return heard_.size(); }
  /// When the session is due; nothing for an unknown one.
  std::optional<std::int64_t> deadline(SessionId id) const {
    const auto at = heard_.find(id);
    return at == heard_.end() ? std::nullopt : std::optional(at->second.deadline);
  }

  /// The sessions whose deadline has passed, in id order; they leave the tracker.
  std::vector<SessionId> take_expired(std::int64_t now_ms);

 private:
  std::int64_t deadline_of(std::int32_t timeout_ms, std::int64_t now_ms) const;

  /// A touch renews the deadline only; the session moves on to a later bucket when its own is due.
  /// So each is listed once, however often it is heard of.
  struct Heard {
    std::int64_t deadline;
    std::int64_t bucket;  ///< Where it is listed; any other listing is stale.
  };

  std::int64_t tick_ms_;
  std::unordered_map<SessionId, Heard> heard_;
  std::map<std::int64_t, std::vector<SessionId>> buckets_;
};

}  // namespace quorate::znode
