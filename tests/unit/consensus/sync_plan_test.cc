#include "consensus/sync_plan.h"

#include <doctest/doctest.h>

namespace quorate::consensus {
namespace {

Zxid z(std::uint32_t epoch, std::uint32_t counter) {
  return Zxid::make(epoch, counter);
}

// History: base 1.3 | 1.4 1.5 3.1 3.2 3.3
std::deque<LogRecord> history() {
  return {{z(1, 4), {}}, {z(1, 5), {}}, {z(3, 1), {}}, {z(3, 2), {}}, {z(3, 3), {}}};
}

}  // namespace

TEST_CASE("the plan for a learner (zab-protocol section 8, window only)") {
  using Kind = SyncPlan::Kind;
  const auto records = history();
  struct Row {
    const char* name;
    Zxid peer;
    Zxid point;
    Zxid applied;
    SyncPlan plan;
  };
  const Zxid end = z(3, 3);
  for (const Row& row : {
           Row{"no data", kBlankZxid, end, end, {Kind::Snap, {}, {}}},
           Row{"equal", end, end, end, {Kind::Diff, end, end}},
           Row{"inside the window", z(1, 5), end, end, {Kind::Diff, end, z(1, 5)}},
           Row{"just before the window", z(1, 3), end, end, {Kind::Diff, end, z(1, 3)}},
           Row{"before the window", z(1, 2), end, end, {Kind::Snap, {}, {}}},
           Row{"empty log, window reaches not back", Zxid{0}, end, end, {Kind::Snap, {}, {}}},
           Row{"ahead in the same epoch", z(3, 4), end, end, {Kind::Trunc, end, end}},
           Row{"ahead in a later epoch", z(4, 7), end, end, {Kind::Trunc, end, end}},
           Row{"ahead, only marks a later epoch", z(4, 0), end, end, {Kind::Snap, {}, {}}},
           Row{"only marks an epoch", z(2, 0), end, end, {Kind::Diff, end, z(1, 5)}},
           Row{"only marks an epoch that has records",
               z(3, 0),
               end,
               end,
               {Kind::Diff, end, z(1, 5)}},
           Row{"another tail across an epoch", z(2, 1), end, end, {Kind::Snap, {}, {}}},
           Row{"another tail behind what a SNAP would hold",
               z(2, 1),
               end,
               z(1, 4),
               {Kind::Trunc, z(1, 5), z(1, 5)}},
           Row{"behind the commit point of the leader",
               z(3, 3),
               z(3, 2),
               z(3, 2),
               {Kind::Trunc, z(3, 2), z(3, 2)}},
           Row{"never beyond the commit point",
               z(3, 1),
               z(3, 2),
               z(3, 2),
               {Kind::Diff, z(3, 2), z(3, 1)}},
       }) {
    CAPTURE(row.name);
    const SyncPlan plan = choose_plan({row.peer, row.point, row.applied, z(1, 3), records});
    CHECK(name_of(plan.kind) == std::string(name_of(row.plan.kind)));
    CHECK(plan == row.plan);
  }
}

TEST_CASE("an empty window knows its base only") {
  const std::deque<LogRecord> none;
  const Zxid base = z(2, 5);
  CHECK(choose_plan({base, base, base, base, none}).kind == SyncPlan::Kind::Diff);
  CHECK(choose_plan({z(2, 6), base, base, base, none}).kind == SyncPlan::Kind::Trunc);
  CHECK(choose_plan({z(2, 4), base, base, base, none}).kind == SyncPlan::Kind::Snap);
}

TEST_CASE("a tail of the same epoch that the history does not have is cut") {
  // Only a history with a hole could look so; the cut is checked by the learner (R20).
  const std::deque<LogRecord> records{{z(1, 2), {}}, {z(1, 9), {}}};
  const SyncPlan plan = choose_plan({z(1, 5), z(1, 9), z(1, 9), z(1, 1), records});
  CHECK(plan == SyncPlan{SyncPlan::Kind::Trunc, z(1, 2), z(1, 2)});
}

}  // namespace quorate::consensus
