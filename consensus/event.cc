#include "consensus/event.h"

namespace quorate::consensus {

const char* name_of(EventKind kind) {
  switch (kind) {
    case EventKind::Looking:
      return "looking";
    case EventKind::Elected:
      return "elected";
    case EventKind::EpochAccepted:
      return "epoch-accepted";
    case EventKind::Serving:
      return "serving";
    case EventKind::ServiceLost:
      return "service-lost";
    case EventKind::EpochEnds:
      return "epoch-ends";
    case EventKind::LearnerSyncing:
      return "learner-syncing";
    case EventKind::LearnerSynced:
      return "learner-synced";
    case EventKind::LearnerLost:
      return "learner-lost";
    case EventKind::Truncated:
      return "truncated";
    case EventKind::SnapshotNeeded:
      return "snapshot-needed";
    case EventKind::PeerMisbehaved:
      return "peer-misbehaved";
    case EventKind::ConfigProposed:
      return "config-proposed";
    case EventKind::ConfigActive:
      return "config-active";
    case EventKind::ConfigUnreadable:
      return "config-unreadable";
    case EventKind::Diverged:
      return "diverged";
    case EventKind::BlankServer:
      return "blank-server";
  }
  return "unknown";
}

}  // namespace quorate::consensus
