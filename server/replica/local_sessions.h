// The sessions of a server in read-only mode: known to it alone, never logged, over when it joins a
// leader again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "znode/session_tracker.h"

namespace quorate::server {

class LocalSessions {
 public:
  /// Whoever asks for one more is closed: clients that come and go leave theirs until they expire.
  static constexpr std::size_t kMax = 100'000;

  explicit LocalSessions(std::int64_t tick_ms) : tracker_(tick_ms) {}

  /// False: there are too many.
  bool create(SessionId session, std::int32_t timeout_ms, std::int64_t now_ms);
  /// Heard of, or taken up again with another timeout. False: not alive here.
  bool touch(SessionId session, std::int32_t timeout_ms, std::int64_t now_ms);
  void remove(SessionId session);
  /// A whole timeout again for all.
  void regrant(std::int64_t now_ms);
  std::vector<SessionId> take_expired(std::int64_t now_ms);
  void clear();
  std::size_t size() const { return timeouts_.size(); }

 private:
  znode::SessionTracker tracker_;
  std::unordered_map<SessionId, std::int32_t> timeouts_;
};

}  // namespace quorate::server
