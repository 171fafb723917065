// All that the outside may tell a peer. One type, so that a test script, the simulator and the
// server drive the same door.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "consensus/messages.h"

namespace quorate::consensus {

/// One record of the log: bytes are header, txn and digest, exactly the data of a PROPOSAL.
struct LogRecord {
  Zxid zxid;
  SharedBytes bytes;
  friend bool operator==(const LogRecord&, const LogRecord&) = default;
};

/// Time passes: monotonic milliseconds. Sent at least every kTickPeriodMs; the core reads no clock.
struct Tick {
  std::int64_t now_ms = 0;
};
inline constexpr std::int64_t kTickPeriodMs = 10;

/// A vote arrived on the election port.
struct ElectionMessage {
  ServerId from;
  Notification notification;
};

/// A hint from the election links: this server refused us or closed its link; or is there again.
/// Used only to end the settling wait early, never for safety.
struct ElectionLink {
  ServerId peer;
  bool reachable = false;
};

/// A packet arrived on a quorum connection.
struct QuorumMessage {
  LinkId link;
  QuorumPacket packet;
};

/// A quorum connection is up: one that we opened (OpenLink) names the peer, an accepted one none.
struct LinkUp {
  LinkId link;
  std::optional<ServerId> opened_to;
};
/// It ended, for whatever reason; also the answer to CloseLink. No packet of it comes later.
struct LinkDown {
  LinkId link;
};

/// A client of this server wants a write or a sync. Any role; dropped when not serving (the driver
/// closes client connections then).
struct Submit {
  Request request;
};

/// Leader: the answer to one of Ready.requests, prepared under next_zxid().
struct Propose {
  LogRecord record;  ///< ENSURE: zxid == next_zxid().
};

/// Everything up to and including write number `write` (Ready.first_write counts) is durable.
struct LogSynced {
  std::uint64_t write = 0;
};

/// Leader: the answer to a Transfer: a whole tree as of `zxid` (SNAP packet and stream) has been
/// queued on the link; what the core sends on that link from now on goes behind it.
struct TransferDone {
  LinkId link;
  Zxid zxid;
  bool ok = false;  ///< false: could not be read; the core closes the link.
};

/// Learner: the stream behind a SNAP packet of this link has been received, written to a new
/// checkpoint with an empty log behind it, and made current, durably. The tree is as of `zxid`.
/// Comes exactly once for each SNAP packet the core was given, ok = false when nothing was changed
/// (also after LinkDown of its link): the core does not vote before it knows what its disk holds.
struct SnapshotInstalled {
  LinkId link;
  Zxid zxid;
  bool ok = false;
  std::string config{};  ///< Of /zookeeper/config in this tree; may be empty.
};

/// Standalone, and nothing is in flight: a tree as of `zxid`, beyond all that is logged, is about
/// to take the place of log and tree. Requests that wait are forgotten, its epoch is kept first.
struct TreeReplacing {
  Zxid zxid;
};
/// Its answer: the tree and an empty log behind it are durable; ok = false: nothing was changed.
struct TreeReplaced {
  Zxid zxid;
  bool ok = false;
};

/// The tree's digest after this txn is not the one in the txn: this tree is not what the others
/// have. (The log is: what this server acknowledges it has.)
struct TreeDiverged {
  Zxid zxid;
};

/// Learner: a client reconnects; ask the leader whether its session lives.
struct AskRevalidate {
  SessionId session;
  std::int32_t timeout_ms = 0;
};
/// Leader: the answer to one of Ready.revalidations.
struct AnswerRevalidate {
  LinkId link;
  SessionId session;
  bool valid = false;
};

using Input =
    std::variant<Tick, ElectionMessage, ElectionLink, QuorumMessage, LinkUp, LinkDown, Submit,
                 Propose, LogSynced, TransferDone, SnapshotInstalled, TreeReplacing, TreeReplaced,
                 TreeDiverged, AskRevalidate, AnswerRevalidate>;

}  // namespace quorate::consensus
