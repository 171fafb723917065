// What is worth a log line or a metric. No effect on the peer.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"

namespace quorate::consensus {

enum class EventKind {
  Looking,        ///< Election begins; detail says why.
  Elected,        ///< This server will lead (peer = self) or follow `peer`.
  EpochAccepted,  ///< epoch is durable as acceptedEpoch.
  Serving,      ///< Leader: established. Learner: UPTODATE. zxid = last committed. The gate opens.
  ServiceLost,  ///< No longer serving: close client connections, drop what is in flight.
  EpochEnds,    ///< Leader: the counter has run out; the next epoch begins on the open links.
  LearnerSyncing,    ///< Leader: plan chosen for `peer`; detail "DIFF", "TRUNC", "SNAP".
  LearnerSynced,     ///< Leader: `peer` acknowledged NEWLEADER.
  LearnerLost,       ///< Leader: link of `peer` ended or was dropped; detail says why.
  Truncated,         ///< Own log cut back to zxid.
  SnapshotNeeded,    ///< Own history cannot be joined to the leader's; a whole tree is asked for.
  PeerMisbehaved,    ///< A packet that cannot be; its link is closed.
  ConfigProposed,    ///< A reconfig is in the log: zxid is its version.
  ConfigActive,      ///< A config is in force.
  ConfigUnreadable,  ///< It has a form this version does not know; detail. No vote from here on.
  Diverged,          ///< Own tree differs from the digest of txn zxid; detail says what follows.
  BlankServer,       ///< No data here: waits for a leader, neither votes nor counts.
};
const char* name_of(EventKind kind);

struct Event {
  EventKind kind;
  ServerId peer{-1};
  std::uint32_t epoch = 0;
  Zxid zxid;
  std::string detail;
};

}  // namespace quorate::consensus
