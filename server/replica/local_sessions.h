// Sessions that this server alone knows (localSessionsEnabled, read-only mode): never logged,
// expired here, and over with the process. They can do all but own nodes; what they cannot do for
// that, a session of the ensemble can, and with localSessionsUpgradingEnabled they become one by
// their first ephemeral create.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "znode/session_tracker.h"

namespace quorate::server {

class LocalSessions {
 public:
  /// Whoever asks for one more is closed: clients that come and go leave theirs until they expire.
  static constexpr std::size_t kMax = 500'000;

  explicit LocalSessions(std::int64_t tick_ms) : tracker_(tick_ms) {}

  /// False: there are too many.
  bool create(SessionId session, std::int32_t timeout_ms, std::int64_t now_ms);
  /// Heard of, or taken up again with another timeout. False: not alive here.
  bool touch(SessionId session, std::int32_t timeout_ms, std::int64_t now_ms);
  bool contains(SessionId session) const { return timeouts_.contains(session); }
  void remove(SessionId session);
  /// A whole timeout again for all.
  void regrant(std::int64_t now_ms);
  std::vector<SessionId> take_expired(std::int64_t now_ms);
  void clear();
  std::size_t size() const { return timeouts_.size(); }
  /// When it is due; nothing for an unknown one.
  std::optional<std::int64_t> deadline(SessionId session) const {
    return tracker_.deadline(session);
  }
  /// By id, with their timeouts.
  std::vector<std::pair<SessionId, std::int32_t>> list() const;

  // ---- Becoming one of the ensemble
  // --------------------------------------------------------------
  /// From here on it is local no more, and its createSession is on its way; its timeout. Nothing:
  /// not local.
  std::optional<std::int32_t> begin_upgrade(SessionId session);
  bool upgrading(SessionId session) const { return upgrading_.contains(session); }
  /// A createSession has been applied. True: it was one that began here.
  bool upgraded(SessionId session);
  /// Service is lost: whether those on their way arrived is for the next leader to say.
  void doubt_upgrades() { in_doubt_.merge(upgrading_); }
  bool in_doubt(SessionId session) const { return in_doubt_.contains(session); }
  /// There is a leader: what it has brought is all.
  void settle_upgrades() { in_doubt_.clear(); }

 private:
  znode::SessionTracker tracker_;
  std::unordered_map<SessionId, std::int32_t> timeouts_;
  std::unordered_set<SessionId> upgrading_;
  std::unordered_set<SessionId> in_doubt_;
};

}  // namespace quorate::server
