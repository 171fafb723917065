// All that a peer asks of the outside.
//
// The driver carries out the fields in the order in which they stand here, each vector in order.
// So it has no ordering rule to get wrong: what must not be said before it is durable is put into
// `sends` only after LogSynced has come back.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "consensus/codec.h"
#include "consensus/event.h"
#include "consensus/input.h"
#include "consensus/messages.h"

namespace quorate::consensus {

struct AppendRecord {
  LogRecord record;
};
/// Cut the log behind the greatest zxid <= `after`. The core knows that this is `after` itself.
struct TruncateLog {
  Zxid after;
};
struct StoreAcceptedEpoch {
  std::uint32_t epoch = 0;
};
struct StoreCurrentEpoch {
  std::uint32_t epoch = 0;
};
/// Carried out strictly in order: each is durable before a later one may become so (an epoch never
/// reaches the disk before the records that stand before it: hazard 4643).
using LogWrite = std::variant<AppendRecord, TruncateLog, StoreAcceptedEpoch, StoreCurrentEpoch>;

struct VoteEnvelope {
  ServerId to;
  Notification notification;
};

struct Envelope {
  LinkId link;
  QuorumPacket packet;  ///< A learner's PING reply leaves `data` empty: the driver puts touches in.
};

/// Keep trying to connect to this server's quorum port (after 2, 5, 10, 20, 20 ... ms); LinkUp
/// tells.
struct OpenLink {
  ServerId peer;
};
/// Stop trying.
struct CancelOpen {
  ServerId peer;
};
struct CloseLink {
  LinkId link;
};
using LinkCommand = std::variant<OpenLink, CancelOpen, CloseLink>;

/// Leader: send SNAP and a whole tree, as of a zxid that this server has applied, to the learner.
struct Transfer {
  LinkId link;
  ServerId learner;
};

/// Leader: a learner asks whether a session lives; the driver answers by AnswerRevalidate.
struct Revalidation {
  LinkId link;
  RevalidateQuestion question;
};

/// Leader: what a learner's PING reply told about its clients.
struct LearnerTouches {
  ServerId learner;
  std::vector<SessionTouch> touches;
};

struct Ready {
  std::uint64_t first_write = 0;  ///< Number of writes[0]; LogSynced counts in these.
  std::vector<LogWrite> writes;
  std::vector<LinkCommand> links;
  std::vector<VoteEnvelope> votes;  ///< One-slot queue per peer: a newer vote replaces it.
  std::vector<Envelope> sends;      ///< Loss only together with the link; no reordering.
  std::vector<LogRecord> commits;   ///< Apply now: zxid order, no gaps, durable here.
  std::size_t syncs_done = 0;       ///< So many of our own Submit(sync) are complete, oldest first.
  std::vector<RevalidateAnswer> revalidated;  ///< Learner: answers to AskRevalidate.
  std::vector<Revalidation> revalidations;
  std::vector<LearnerTouches> touches;
  std::vector<Transfer> transfers;
  /// Peer::membership() differs from the last Ready: the addresses of the others, roles, the file.
  bool membership_changed = false;
  std::vector<Event> events;  ///< Serving and ServiceLost matter to the driver.
  std::vector<Request>
      requests;  ///< Leader: prepare under next_zxid(), then step(Propose), one by one.
};

}  // namespace quorate::consensus
