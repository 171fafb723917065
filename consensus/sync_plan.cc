#include "consensus/sync_plan.h"

#include <algorithm>

namespace quorate::consensus {
namespace {

/// The greatest zxid of the history that is <= `zxid`; the caller knows that zxid >= base.
Zxid floor_of(const PlanInput& input, Zxid zxid) {
  const auto behind =
      std::upper_bound(input.records.begin(), input.records.end(), zxid,
                       [](Zxid wanted, const LogRecord& record) { return wanted < record.zxid; });
  return behind == input.records.begin() ? input.base : std::prev(behind)->zxid;
}

SyncPlan inside_window(const PlanInput& input) {
  const Zxid previous = floor_of(input, input.peer);
  const SyncPlan diff{SyncPlan::Kind::Diff, input.point, previous};
  const SyncPlan cut{SyncPlan::Kind::Trunc, previous, previous};
  if (previous == input.peer) return diff;
  // Nothing was logged in the epoch which this zxid only marks.
  if (input.peer.counter() == 0) return diff;
  const auto next =
      std::upper_bound(input.records.begin(), input.records.end(), input.peer,
                       [](Zxid wanted, const LogRecord& record) { return wanted < record.zxid; });
  if (next != input.records.end() && next->zxid.epoch() == input.peer.epoch()) return cut;
  // Across epochs ZooKeeper sends SNAP. But our SNAP ends at `applied`: while this leader is not
  // established, the learner would throw away records behind it that it has acknowledged to an
  // earlier leader, before it has them again; its crash in between could lose them for good.
  if (previous >= input.applied) return cut;
  return {};
}

}  // namespace

const char* name_of(SyncPlan::Kind kind) {
  switch (kind) {
    case SyncPlan::Kind::Diff:
      return "DIFF";
    case SyncPlan::Kind::Trunc:
      return "TRUNC";
    case SyncPlan::Kind::Snap:
      return "SNAP";
  }
  return "?";
}

SyncPlan choose_plan(const PlanInput& input) {
  if (input.peer < Zxid{0}) return {};
  if (input.peer == input.point) return {SyncPlan::Kind::Diff, input.point, input.point};
  if (input.peer > input.point) {
    if (input.peer.counter() == 0) return {};
    return {SyncPlan::Kind::Trunc, input.point, input.point};
  }
  if (input.peer < input.base) return {};
  return inside_window(input);
}

}  // namespace quorate::consensus
