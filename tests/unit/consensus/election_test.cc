#include "consensus/election.h"

#include <doctest/doctest.h>

#include "tests/unit/consensus/one_peer.h"

namespace quorate::consensus {
namespace {

constexpr auto kLooking = PeerState::Looking;

DurableState history_of(std::uint32_t epoch, std::uint32_t counter) {
  DurableState state;
  state.accepted_epoch = state.current_epoch = epoch;
  state.checkpoint = state.log_base = Zxid::make(epoch, counter);
  return state;
}

}  // namespace

TEST_CASE("votes are ordered by epoch, then zxid, then id (section 4.2)") {
  const Vote base{{2}, Zxid::make(3, 4), 3, 1};
  CHECK(beats({{1}, Zxid::make(1, 1), 4, 1}, base));
  CHECK(beats({{1}, Zxid::make(3, 5), 3, 1}, base));
  CHECK(beats({{3}, Zxid::make(3, 4), 3, 1}, base));
  CHECK_FALSE(beats({{9}, Zxid::make(9, 9), 2, 1}, base));
  CHECK_FALSE(beats(base, base));
}

TEST_CASE("the first vote is for oneself, to every other voter, in round 1") {
  OnePeer one(history_of(2, 5));
  REQUIRE(one.votes.size() == 2);
  CHECK(one.votes[0].to == ServerId{2});
  CHECK(one.votes[0].notification.leader == kSelf);
  CHECK(one.votes[0].notification.zxid == Zxid::make(2, 5));
  CHECK(one.votes[0].notification.peer_epoch == 2);
  CHECK(one.votes[0].notification.round == 1);
}

TEST_CASE("a better vote is adopted and told; a worse one is not") {
  OnePeer one(history_of(2, 5));
  one.votes.clear();
  one.vote({2}, kLooking, {2}, Zxid::make(2, 4), 1, 2);
  CHECK(one.votes.empty());
  one.vote({3}, kLooking, {3}, Zxid::make(2, 6), 1, 2);
  CHECK(one.votes.size() == 2);
  CHECK(one.votes[0].notification.leader == ServerId{3});
}

TEST_CASE("with a quorum the wait is 200 ms, and none when every voter has voted alike") {
  OnePeer waits(history_of(2, 5));
  waits.vote({3}, kLooking, {3}, Zxid::make(2, 6), 1, 2);
  waits.tick(199);
  CHECK(waits.peer.role() == Role::Looking);
  waits.tick(1);
  CHECK(waits.peer.role() == Role::Following);

  OnePeer all(history_of(2, 5));
  all.vote({3}, kLooking, {3}, Zxid::make(2, 6), 1, 2);
  all.vote({2}, kLooking, {3}, Zxid::make(2, 6), 1, 2);
  CHECK(all.peer.role() == Role::Following);

  OnePeer refused(history_of(2, 5));
  refused.step(ElectionLink{{2}, false});
  refused.vote({3}, kLooking, {3}, Zxid::make(2, 6), 1, 2);
  CHECK(refused.peer.role() == Role::Following);
}

TEST_CASE("an election does not wait for a leader whose election link ended first") {
  OnePeer one(history_of(2, 5));
  one.follow(3);
  one.step(ElectionLink{{3}, false});
  one.step(LinkDown{kLink});
  REQUIRE(one.peer.role() == Role::Looking);
  one.tick(1);
  one.vote({2}, kLooking, {2}, Zxid::make(2, 6), 2, 2);
  CHECK(one.peer.leader() == ServerId{2});

  OnePeer back(history_of(2, 5));
  back.follow(3);
  back.step(ElectionLink{{3}, false});
  back.step(ElectionLink{{3}, true});
  back.step(LinkDown{kLink});
  back.tick(1);
  back.vote({2}, kLooking, {2}, Zxid::make(2, 6), 2, 2);
  CHECK(back.peer.role() == Role::Looking);
}

TEST_CASE("who still followed when our vote came is told it again when it looks") {
  OnePeer one(history_of(2, 5));
  one.vote({2}, PeerState::Following, {3}, Zxid{0}, 1, 2);
  one.votes.clear();
  one.vote({2}, kLooking, {2}, Zxid::make(2, 4), 1, 2);
  REQUIRE(one.votes.size() == 1);
  CHECK(one.votes[0].to == ServerId{2});
  CHECK(one.votes[0].notification.leader == kSelf);
  one.votes.clear();
  one.vote({2}, kLooking, {2}, Zxid::make(2, 4), 1, 2);
  CHECK(one.votes.empty());  // Once: two that each prefer their own would answer without end.
}

TEST_CASE("a better vote during the wait is taken into account") {
  OnePeer one(history_of(2, 5));
  one.vote({2}, kLooking, {1}, Zxid::make(2, 5), 1, 2);
  one.tick(100);
  one.vote({3}, kLooking, {3}, Zxid::make(2, 6), 1, 2);
  one.tick(150);
  CHECK(one.peer.role() == Role::Looking);
  one.tick(50);
  CHECK(one.peer.leader() == ServerId{3});
}

TEST_CASE("a higher round starts over, a lower one is answered") {
  OnePeer one(history_of(2, 5));
  one.votes.clear();
  one.vote({2}, kLooking, {2}, Zxid::make(2, 4), 9, 2);
  REQUIRE(one.votes.size() == 2);
  CHECK(one.votes[0].notification.round == 9);
  CHECK(one.votes[0].notification.leader == kSelf);
  one.votes.clear();
  one.vote({3}, kLooking, {3}, Zxid::make(9, 9), 3, 9);
  REQUIRE(one.votes.size() == 1);
  CHECK(one.votes[0].to == ServerId{3});
  CHECK(one.votes[0].notification.leader == kSelf);
}

TEST_CASE("an unanswered vote is sent again after 200 ms, doubling to 60 s") {
  OnePeer one(history_of(2, 5));
  one.votes.clear();
  std::vector<std::int64_t> at;
  const std::int64_t start = one.now;
  while (one.now < start + 400000) {
    one.tick(100);
    if (!one.votes.empty()) at.push_back(one.now - start);
    one.votes.clear();
  }
  REQUIRE(at.size() > 10);
  CHECK(at[0] == 200);
  CHECK(at[1] == 600);
  CHECK(at[2] == 1400);
  CHECK(at.back() - at[at.size() - 2] == 60000);
}

TEST_CASE("joining an established ensemble: a quorum and the leader's own word (R37)") {
  OnePeer one(history_of(2, 5));
  // Stale zxids and rounds inside the votes differ from server to server.
  one.vote({2}, PeerState::Following, {3}, Zxid::make(1, 1), 4, 3);
  CHECK(one.peer.role() == Role::Looking);
  one.vote({3}, PeerState::Leading, {3}, Zxid::make(2, 9), 5, 3);
  CHECK(one.peer.leader() == ServerId{3});

  OnePeer lone(history_of(2, 5), 5);
  lone.vote({2}, PeerState::Following, {3}, Zxid{0}, 1, 3);
  lone.vote({4}, PeerState::Following, {3}, Zxid{0}, 1, 3);
  lone.vote({5}, PeerState::Following, {3}, Zxid{0}, 1, 3);
  CHECK(lone.peer.role() == Role::Looking);  // The leader itself has not spoken.
}

TEST_CASE("servers outside the ensemble are answered but not counted") {
  OnePeer one(history_of(2, 5));
  one.votes.clear();
  one.vote({9}, kLooking, {9}, Zxid::make(9, 9), 1, 9);
  REQUIRE(one.votes.size() == 1);
  CHECK(one.votes[0].to == ServerId{9});
  one.votes.clear();
  one.vote({2}, kLooking, {9}, Zxid::make(9, 9), 1, 9);
  CHECK(one.votes.empty());
}

TEST_CASE("a server without data neither votes nor counts (R45)") {
  DurableState none;
  none.blank = true;
  OnePeer blank(none);
  CHECK(blank.happened(EventKind::BlankServer));
  REQUIRE(blank.votes.size() == 2);
  CHECK(blank.votes[0].notification.zxid == kBlankZxid);
  blank.vote({3}, kLooking, {3}, Zxid::make(2, 6), 1, 2);
  blank.vote({2}, kLooking, {3}, Zxid::make(2, 6), 1, 2);
  blank.tick(1000);
  CHECK(blank.peer.role() == Role::Looking);

  OnePeer other(history_of(2, 5));
  other.vote({2}, kLooking, {2}, kBlankZxid, 1, 0);
  other.vote({2}, kLooking, {1}, kBlankZxid, 1, 0);
  other.tick(1000);
  CHECK(other.peer.role() == Role::Looking);
}

TEST_CASE("a fresh ensemble forms only when all voters are there and none has a history") {
  DurableState none;
  none.blank = true;
  OnePeer one(none);
  one.vote({2}, kLooking, {2}, kBlankZxid, 1, 0);
  CHECK(one.writes.empty());
  one.votes.clear();
  one.vote({3}, kLooking, {3}, kBlankZxid, 1, 0);
  REQUIRE(one.writes.size() == 2);  // Durable first: it must not be blank again after a crash.
  CHECK(one.votes.empty());
  one.sync();
  REQUIRE(one.votes.size() == 2);
  CHECK(one.votes[0].notification.zxid == Zxid{0});

  OnePeer late(none);
  late.vote({2}, kLooking, {2}, kBlankZxid, 1, 0);
  late.vote({3}, kLooking, {3}, Zxid{0}, 1, 1);  // Has been part of an epoch.
  CHECK(late.writes.empty());
}

TEST_CASE("a server that follows answers those who look with its leader and the new epoch") {
  OnePeer one(history_of(2, 5));
  one.follow(3);
  one.votes.clear();
  one.vote({2}, kLooking, {2}, Zxid{0}, 7, 0);
  REQUIRE(one.votes.size() == 1);
  CHECK(one.votes[0].notification.state == PeerState::Following);
  CHECK(one.votes[0].notification.leader == ServerId{3});
  CHECK(one.votes[0].notification.round == 1);
  one.votes.clear();
  one.vote({2}, PeerState::Following, {3}, Zxid{0}, 1, 3);
  CHECK(one.votes.empty());
}

}  // namespace quorate::consensus
