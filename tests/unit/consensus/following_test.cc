#include "consensus/following.h"

#include <doctest/doctest.h>

#include "tests/unit/consensus/ensemble_world.h"
#include "tests/unit/consensus/one_peer.h"
#include "tests/unit/consensus/passed.h"

namespace quorate::consensus {
namespace {

constexpr auto kLooking = PeerState::Looking;
constexpr auto kFollowing = PeerState::Following;
constexpr auto kLeading = PeerState::Leading;
constexpr std::int64_t kPatience = 2000;  // A tick; a learner tries as long to connect.

DurableState history() {
  DurableState state;
  state.accepted_epoch = state.current_epoch = 2;
  state.checkpoint = state.log_base = Zxid::make(2, 5);
  return state;
}

/// Server 1 of three or five, elected in round 1 by all, whom nobody has come to follow yet.
class Elected : public OnePeer {
 public:
  explicit Elected(int servers = 3) : OnePeer(history(), servers) {
    for (int id = 2; id <= servers; ++id) says({id}, kLooking, kSelf, 1);
    REQUIRE(peer.role() == Role::Leading);
    votes.clear();
  }
  void says(ServerId from, PeerState state, ServerId leader, std::int64_t round) {
    vote(from, state, leader, Zxid::make(2, 5), round, 2);
  }
  void comes(ServerId from, LinkId link) {
    step(LinkUp{link, std::nullopt});
    LearnerInfo info;
    info.sid = from;
    packet(PacketType::FollowerInfo, Zxid::make(2, 0), encode_learner_info(info), link);
  }
  bool leads() const { return peer.role() == Role::Leading; }
};

}  // namespace

TEST_CASE("who was elected and has no quorum asks those who have not come, by its vote") {
  Elected one;
  one.tick(199);
  CHECK(one.votes.empty());
  one.tick(1);
  REQUIRE(one.votes.size() == 2);
  CHECK(one.votes[0].notification.state == kLooking);  // All others are answered by nobody.
  CHECK(one.votes[0].notification.leader == kSelf);
  CHECK(one.votes[0].notification.round == 1);
  one.votes.clear();
  one.tick(399);
  CHECK(one.votes.empty());
  one.tick(1);
  CHECK(one.votes.size() == 2);
}

TEST_CASE("with its quorum connected it asks nobody, and what others say changes nothing") {
  Elected one;
  one.comes({2}, {21});
  one.votes.clear();
  one.tick(5000);
  CHECK(one.votes.empty());
  one.says({3}, kLeading, {3}, 2);
  one.says({3}, kLooking, {3}, 9);
  one.tick(5000);
  CHECK(one.leads());
}

TEST_CASE("an established quorum of another leader: given up at once, and followed") {
  const Passed passed;
  Elected one;
  one.tick(200);
  one.says({3}, kFollowing, {2}, 2);
  CHECK(one.leads());  // The leader itself has not spoken.
  one.votes.clear();
  one.says({2}, kLeading, {2}, 2);
  REQUIRE(one.peer.role() == Role::Looking);
  CHECK(one.votes.size() == 2);  // It asks them, as every server that looks.
  one.says({2}, kLeading, {2}, 2);
  one.says({3}, kFollowing, {2}, 2);
  CHECK(one.peer.leader() == ServerId{2});
  CHECK(passed.missing({"another has been established"}) == "");
}

TEST_CASE("a leader of the others without a quorum is no reason") {
  Elected one(5);
  one.says({2}, kLeading, {2}, 2);
  one.says({3}, kFollowing, {2}, 2);
  one.tick(kPatience);
  CHECK(one.leads());
}

TEST_CASE(
    "voters that look in a later round will not come; but one who still connects may say so") {
  const Passed passed;
  Elected one;
  one.says({2}, kLooking, {2}, 2);
  one.says({3}, kLooking, {2}, 2);
  one.tick(kPatience);
  CHECK(one.leads());
  one.tick(1000);  // What was said before then proves nothing.
  CHECK(one.leads());
  one.says({2}, kLooking, {2}, 2);
  CHECK(one.leads());  // The other one would do.
  one.says({3}, kLooking, {2}, 2);
  CHECK_FALSE(one.leads());
  CHECK(passed.missing({"elected in vain"}) == "");
}

TEST_CASE("a server without data does not help to a quorum (R45)") {
  Elected one;
  one.tick(kPatience + 1);
  one.vote({2}, kLooking, {2}, kBlankZxid, 1, 0);
  CHECK(one.leads());
  one.says({3}, kLooking, {3}, 2);
  CHECK_FALSE(one.leads());
}

TEST_CASE("two leaders without a quorum both give up, though a voter is silent") {
  Elected one(5);
  one.comes({2}, {21});
  one.tick(kPatience + 1);
  one.says({3}, kLeading, {3}, 1);
  CHECK(one.leads());
  one.says({4}, kFollowing, {3}, 1);
  CHECK(one.leads());  // Server 5 might come.
  one.step(ElectionLink{{5}, false});
  one.tick(1);
  CHECK_FALSE(one.leads());
}

TEST_CASE("silence proves nothing, nor does whoever follows this server or will") {
  Elected one;
  one.tick(kPatience + 1);
  one.says({2}, kFollowing, kSelf, 1);
  one.says({3}, kLooking, kSelf, 1);
  one.says({3}, kLooking, {3}, 0);  // An older round: it takes over ours.
  one.tick(10000);
  CHECK(one.leads());
  one.tick(8000);
  CHECK_FALSE(one.leads());  // initLimit
}

TEST_CASE("a learner whose leader looks in a later round looks too") {
  const Passed passed;
  OnePeer one(history());
  one.vote({2}, kFollowing, {3}, Zxid{0}, 4, 2);
  one.vote({3}, kLeading, {3}, Zxid{0}, 4, 2);
  REQUIRE(one.peer.leader() == ServerId{3});
  one.step(LinkUp{kLink, ServerId{3}});
  one.vote({3}, kLooking, {3}, Zxid::make(2, 5), 4, 2);  // It had not decided yet.
  one.vote({2}, kLooking, {2}, Zxid::make(2, 5), 5, 2);
  CHECK(one.peer.role() == Role::Following);
  one.vote({3}, kLooking, {3}, Zxid::make(2, 5), 5, 2);
  CHECK(one.peer.role() == Role::Looking);
  CHECK(passed.missing({"leader looks again"}) == "");
}

TEST_CASE("a learner whose leader was restarted, and looks in an earlier round, looks too") {
  OnePeer one(history());
  one.vote({2}, kFollowing, {3}, Zxid{0}, 4, 2);
  one.vote({3}, kLeading, {3}, Zxid{0}, 4, 2);
  one.step(LinkUp{kLink, ServerId{3}});
  one.vote({3}, kLooking, {3}, Zxid::make(2, 5), 1, 2);  // Perhaps it was on its way for long.
  CHECK(one.peer.role() == Role::Following);
  one.tick(kPatience + 1);
  one.vote({3}, kLooking, {3}, Zxid::make(2, 5), 1, 2);
  CHECK(one.peer.role() == Role::Looking);
}

TEST_CASE("a learner that its leader has begun to sync is told by its link alone") {
  OnePeer one(history());
  one.follow(3);
  one.vote({3}, kLooking, {3}, Zxid::make(2, 5), 5, 2);
  CHECK(one.peer.role() == Role::Following);
}

// A leader crashes and is back before the others have noticed: what they say of its former life, of
// the same round, makes it lead. Then they elect one of them.
TEST_CASE("a restarted leader does not wait out initLimit when the others have elected another") {
  for (const bool written : {true, false}) {
    CAPTURE(written);
    const Passed passed;
    world::World world(3, /*blank=*/false);
    world.init_limit = 500;  // 50 s.
    REQUIRE(world.run_until([&] { return world.all_serving(); }));
    REQUIRE(world.leader() == ServerId{3});
    if (written) REQUIRE(world.propose({3}));
    world.run_idle();
    world.crash({3});
    world.start({3});
    world.step({3}, Tick{world.now()});
    REQUIRE(world.deliver_vote({3}, {1}));
    REQUIRE(world.deliver_vote({1}, {3}));
    REQUIRE(world.peer({3}).role() == Role::Leading);
    // Servers 1 and 2 see the ends of their links, and find one another first.
    world.cuts = {{{1}, {3}}, {{2}, {3}}};
    world.step({1}, ElectionLink{{3}, false});
    world.step({2}, ElectionLink{{3}, false});
    world.end_links({3});
    REQUIRE(world.run_until([&] { return world.leader() == ServerId{2}; }, 1000));
    world.cuts.clear();
    CHECK_MESSAGE(world.run_until([&] { return world.all_serving(); }, 1000), world.states());
    CHECK(world.leader() == ServerId{2});
    CHECK(passed.missing({"another has been established"}) == "");
  }
}

TEST_CASE("a leader whose learners have spent their promises does not wait for others") {
  const Passed passed;
  Elected one(5);
  one.comes({2}, {21});
  one.comes({3}, {31});
  one.sync();
  const SharedBytes spent = encode_int(-1);
  one.packet(PacketType::AckEpoch, Zxid::make(2, 5), spent, LinkId{21});
  one.packet(PacketType::AckEpoch, Zxid::make(2, 5), spent, LinkId{31});
  CHECK(one.leads());  // Servers 4 and 5 would do.
  one.comes({4}, {41});
  one.packet(PacketType::AckEpoch, Zxid::make(2, 5), spent, LinkId{41});
  CHECK_FALSE(one.leads());
  CHECK(passed.missing({"promises are spent"}) == "");
}

TEST_CASE("three that each missed the other's choice are together again within two seconds") {
  // Server 3 leads alone, 2 has gone, 1 looks in a later round: nobody has a quorum.
  world::World world(3, /*blank=*/false);
  world.init_limit = 500;
  REQUIRE(world.run_until([&] { return world.all_serving(); }));
  world.crash({3});
  world.start({3});
  world.step({3}, Tick{world.now()});
  REQUIRE(world.deliver_vote({3}, {1}));
  REQUIRE(world.deliver_vote({1}, {3}));
  REQUIRE(world.peer({3}).role() == Role::Leading);
  world.crash({2});
  for (const ServerId id : {ServerId{1}, ServerId{3}}) world.step(id, ElectionLink{{2}, false});
  world.end_links({3});
  CHECK_MESSAGE(world.run_until([&] { return world.leader().has_value(); }, 2000), world.states());
}

}  // namespace quorate::consensus
