// Sessions on this server: the decision table of the handshake, new session ids, and who was heard
// of when. On the leader also expiry and the owner of each session; on a learner the notes for the
// next PING reply.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "consensus/codec.h"
#include "znode/data_tree.h"
#include "znode/pending_view.h"
#include "znode/proto/records.h"
#include "znode/session_tracker.h"

namespace quorate::server {

struct SessionBounds {
  std::int32_t min_timeout_ms = 4000;
  std::int32_t max_timeout_ms = 40000;
};

/// What a server has for clients.
enum class Service { None, Full, ReadOnly };

/// What to do with a connect request (spec: client-protocol 3.3).
struct Verdict {
  enum class Action {
    Close,      ///< Without a byte: the client must try another server.
    Create,     ///< A new session.
    Refuse,     ///< Wrong password: refused answer, then close. Nothing is asked of the leader.
    Reconnect,  ///< The password is right; whether the session lives is for the leader to say.
  };
  Action action = Action::Close;
  std::int32_t timeout_ms = 0;  ///< Clamped.
};
Verdict judge(const ConnectRequest& request, Service service, Zxid last_applied,
              const SessionBounds& bounds);

/// The answer to a connect request, without frame.
/// `asked`: the byte of the request, if it had one; the answer has one then, which says whether
/// this server is read-only.
ConnectResponse accepted(SessionId session, std::int32_t timeout_ms, std::optional<bool> asked,
                         bool read_only = false);
/// timeout 0, session 0, zero password.
ConnectResponse refused(std::optional<bool> asked, bool read_only = false);

/// The learner's link through which a session's requests come; nothing for this server's clients.
using Owner = std::optional<LinkId>;

class Sessions {
 public:
  /// `seed_ms` and `random` keep a server that has restarted from repeating ids (hazard R61).
  Sessions(ServerId self, std::int64_t tick_ms, std::int64_t seed_ms, Random random);

  /// An id that neither the tree nor a connection of this server (`in_use`) knows.
  template <class InUse>
  SessionId next_id(const znode::SessionTable& known, InUse&& in_use) {
    SessionId id = take_id();
    while (known.find(id) || in_use(id)) id = take_id();
    return id;
  }

  /// Whether this process has made the id.
  bool handed_out(SessionId session) const {
    return session.value >= first_id_ && session.value < next_id_;
  }

  // ---- Leader
  // ------------------------------------------------------------------------------------
  /// Every session starts with a whole timeout, whatever the last leader knew (hazard R58).
  void lead(const znode::SessionTable& sessions, std::int64_t now_ms);
  /// A whole timeout again for all; owners stay.
  void regrant(const znode::SessionTable& sessions, std::int64_t now_ms);
  void created(SessionId session, std::int32_t timeout_ms, std::int64_t now_ms);
  void closed(SessionId session);
  /// When the session is due, by now_ms(); nothing where the leader is another server.
  std::optional<std::int64_t> deadline(SessionId session) const {
    return tracker_.deadline(session);
  }
  /// Unknown sessions stay unknown.
  void touch(SessionId session, std::int32_t timeout_ms, std::int64_t now_ms);
  std::vector<SessionId> take_expired(std::int64_t now_ms) { return tracker_.take_expired(now_ms); }
  /// Comes back at the next tick: its closing could not be proposed.
  void expire_later(SessionId session, std::int64_t now_ms) { tracker_.touch(session, 0, now_ms); }

  void own(SessionId session, Owner owner);
  bool is_owner(SessionId session, Owner owner) const;
  /// Whether a request of `session` may come by `owner`. A session without an owner (this leader is
  /// new) is taken over by the first who asks (hazard R59).
  bool may_write(SessionId session, Owner owner);

  /// Its closing is in the log, or on its way there. With local sessions a leader believes in ids
  /// that it does not know: so it has to remember which of them are over, as long as a learner may
  /// not have heard of it. A new leader need not: its learners have.
  void ended(SessionId session);
  bool lately_ended(SessionId session) const { return ended_.contains(session); }
  static constexpr std::size_t kEndedMax = 100'000;

  // ---- Learner
  // -----------------------------------------------------------------------------------
  void note(SessionId session, std::int32_t timeout_ms) { notes_.push_back({session, timeout_ms}); }
  std::vector<consensus::SessionTouch> take_notes() { return std::exchange(notes_, {}); }

  /// Service is lost.
  void clear();

 private:
  SessionId take_id();

  std::int64_t next_id_;
  std::int64_t first_id_;
  bool leading_ = false;
  znode::SessionTracker tracker_;
  std::unordered_map<SessionId, Owner> owners_;
  std::unordered_set<SessionId> ended_;
  std::deque<SessionId> ended_order_;  ///< Oldest first.
  std::vector<consensus::SessionTouch> notes_;
};

}  // namespace quorate::server
