// How a learner's log is made equal to the leader's: DIFF, TRUNC or SNAP.
#pragma once

#include <deque>

#include "base/ids.h"
#include "consensus/input.h"

namespace quorate::consensus {

struct SyncPlan {
  enum class Kind { Diff, Trunc, Snap };
  Kind kind = Kind::Snap;
  Zxid zxid;        ///< Of the DIFF or TRUNC packet.
  Zxid send_after;  ///< DIFF, TRUNC: records behind this one follow.
  friend bool operator==(const SyncPlan&, const SyncPlan&) = default;
};
const char* name_of(SyncPlan::Kind kind);

struct PlanInput {
  Zxid peer;     ///< Of the learner's ACKEPOCH: its last logged zxid; kBlankZxid for none.
  Zxid point;    ///< Never plan beyond (R11): committed, or the initial history of a new leader.
  Zxid applied;  ///< What a SNAP would carry.
  Zxid base;     ///< Just before the first of `records`, and part of the history.
  const std::deque<LogRecord>& records;
};

/// zab-protocol section 8 without its disk log (rule 5): outside of memory it is SNAP.
SyncPlan choose_plan(const PlanInput& input);

}  // namespace quorate::consensus
