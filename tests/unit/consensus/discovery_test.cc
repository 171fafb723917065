#include "consensus/discovery.h"

#include <doctest/doctest.h>

namespace quorate::consensus {
namespace {

Ensemble five() {
  std::vector<Member> members;
  for (int i = 1; i <= 5; ++i) members.push_back({{i}, "", 0, 0, false, ""});
  return Ensemble(members);
}

}  // namespace

TEST_CASE("the epoch is one above all that a quorum has accepted, and then fixed") {
  const Membership ensemble(five());
  Discovery discovery(ensemble, {{5}, 3, 3, Zxid::make(3, 1)});
  discovery.report({1}, 7, true);
  discovery.report({1}, 7, true);
  discovery.report({4}, 9, /*counts=*/false);
  CHECK_FALSE(discovery.epoch());
  discovery.report({2}, 2, true);
  CHECK(discovery.epoch() == 10u);
  discovery.report({3}, 20, true);
  CHECK(discovery.epoch() == 10u);
}

TEST_CASE("promises count once, not from those that promised before or have no data") {
  const Membership ensemble(five());
  Discovery discovery(ensemble, {{5}, 3, 3, Zxid::make(3, 1)});
  discovery.promise_self();
  CHECK(discovery.promise({1}, -1, Zxid{0}) == Discovery::Promise::NotCounted);
  CHECK(discovery.promise({1}, 2, kBlankZxid) == Discovery::Promise::NotCounted);
  CHECK(discovery.promise({2}, 3, Zxid::make(3, 1)) == Discovery::Promise::Counted);
  CHECK(discovery.promise({2}, 3, Zxid::make(3, 1)) == Discovery::Promise::Counted);
  CHECK_FALSE(discovery.promised());
  CHECK(discovery.promise({3}, 3, Zxid::make(3, 2)) == Discovery::Promise::MoreRecent);
  CHECK(discovery.promise({3}, 4, Zxid{0}) == Discovery::Promise::MoreRecent);
  CHECK(discovery.promise({4}, 2, Zxid::make(2, 9)) == Discovery::Promise::Counted);
  CHECK(discovery.promised());
  // From then on a longer log is only an uncommitted tail: it will be cut.
  CHECK(discovery.promise({3}, 4, Zxid{0}) == Discovery::Promise::NotCounted);
}

TEST_CASE("promises that were given before may leave too few for a quorum") {
  const Membership ensemble(five());
  Discovery discovery(ensemble, {{5}, 3, 3, Zxid::make(3, 1)});
  discovery.promise_self();
  CHECK(discovery.possible({}));
  discovery.promise({1}, -1, Zxid::make(3, 1));
  discovery.promise({2}, -1, Zxid::make(3, 1));
  CHECK(discovery.possible({}));
  CHECK_FALSE(discovery.possible({ServerId{3}}));
  discovery.promise({3}, 3, Zxid::make(3, 1));
  CHECK(discovery.possible({}));
  CHECK(discovery.possible({ServerId{3}}));  // It has promised, wherever it is.
  discovery.promise({4}, -1, Zxid::make(3, 1));
  CHECK_FALSE(discovery.possible({}));
}

TEST_CASE("no server may push the epoch too far at once (R42)") {
  CHECK(epoch_plausible(7 + kEpochJumpMax, 7));
  CHECK_FALSE(epoch_plausible(8 + kEpochJumpMax, 7));
  CHECK(epoch_plausible(1, 7));
  CHECK_FALSE(epoch_plausible(kEpochEnd, kEpochEnd - 1));
}

}  // namespace quorate::consensus
