#include "consensus/proposal_tracker.h"

#include <doctest/doctest.h>

namespace quorate::consensus {
namespace {

Ensemble three_and_an_observer() {
  return Ensemble({{{1}, "", 0, 0, false, ""},
                   {{2}, "", 0, 0, false, ""},
                   {{3}, "", 0, 0, false, ""},
                   {{4}, "", 0, 0, true, ""}});
}
constexpr Zxid z(std::uint32_t counter) {
  return Zxid::make(5, counter);
}

}  // namespace

TEST_CASE("a zxid is committed with a quorum of voters, each counted once") {
  ProposalTracker tracker{Membership(three_and_an_observer())};
  tracker.add(z(1));
  tracker.ack(z(1), {1});
  tracker.ack(z(1), {1});
  tracker.ack(z(1), {4});
  tracker.ack(z(1), {9});
  CHECK_FALSE(tracker.take_committed());
  tracker.ack(z(1), {3});
  CHECK(tracker.take_committed() == z(1));
  CHECK(tracker.empty());
}

TEST_CASE("commits come strictly in order; an ACK counts for exactly its zxid") {
  ProposalTracker tracker{Membership(three_and_an_observer())};
  for (std::uint32_t i = 1; i <= 3; ++i) tracker.add(z(i));
  for (const std::uint32_t i : {3u, 2u}) {
    tracker.ack(z(i), {1});
    tracker.ack(z(i), {2});
  }
  CHECK_FALSE(tracker.take_committed());
  tracker.ack(z(1), {1});
  tracker.ack(z(1), {2});
  CHECK(tracker.take_committed() == z(1));
  CHECK(tracker.take_committed() == z(2));
  CHECK(tracker.take_committed() == z(3));
  CHECK_FALSE(tracker.take_committed());
}

TEST_CASE("unknown and already committed zxids are tolerated (R5)") {
  ProposalTracker tracker{Membership(three_and_an_observer())};
  tracker.ack(z(1), {1});
  tracker.add(z(1));
  tracker.ack(z(2), {1});
  tracker.ack(Zxid::make(4, 1), {1});
  CHECK_FALSE(tracker.take_committed());
  tracker.ack(z(1), {1});
  tracker.ack(z(1), {2});
  CHECK(tracker.take_committed() == z(1));
  tracker.ack(z(1), {3});
  CHECK(tracker.size() == 0);
}

}  // namespace quorate::consensus
