// Two configs at once; observers; reconfigs in a whole ensemble (zab-protocol sections 14 and 15).
#include "consensus/membership.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/consensus/ensemble_world.h"
#include "tests/unit/consensus/passed.h"

namespace quorate::consensus {
namespace {

using world::World;

Ensemble of(std::vector<int> voters, std::vector<int> observers = {}, std::int64_t version = 0) {
  std::vector<Member> members;
  for (const int id : voters) members.push_back(World::member(id));
  for (const int id : observers) members.push_back(World::member(id, true));
  return Ensemble(std::move(members), version);
}

bool applied_everywhere(World& world) {
  for (auto& [id, server] : world.all()) {
    if (server.peer && server.tree != world.chosen) return false;
  }
  return true;
}

bool settled(World& world) {
  return world.run_until(
      [&] { return world.all_serving() && world.leader() && applied_everywhere(world); });
}

}  // namespace

TEST_CASE("while a config is being changed a quorum of each is needed (R: both configs)") {
  Membership membership(of({1, 2, 3}));
  CHECK(membership.is_quorum({{1}, {2}}));
  membership.see(of({3, 4, 5}, {1}, 7));
  CHECK(membership.changing());
  CHECK_FALSE(membership.is_quorum({{1}, {2}}));
  CHECK_FALSE(membership.is_quorum({{4}, {5}, {1}}));
  CHECK(membership.is_quorum({{2}, {3}, {4}}));
  CHECK(membership.is_voter({1}));
  CHECK(membership.is_voter({5}));
  CHECK(membership.voters().size() == 5);
  membership.activate();
  CHECK_FALSE(membership.changing());
  CHECK(membership.is_quorum({{4}, {5}}));
  CHECK_FALSE(membership.is_voter({1}));
  CHECK(membership.text() == of({3, 4, 5}, {1}, 7).text());
}

TEST_CASE("a config that was only proposed can be forgotten") {
  Membership membership(of({1, 2, 3}));
  membership.see(of({1}, {}, 9));
  membership.forget();
  CHECK_FALSE(membership.is_quorum({{1}}));
  CHECK(membership.text() == of({1, 2, 3}).text());
}

TEST_CASE("an observer gets every commit as INFORM and counts for nothing") {
  World world(of({1, 2}, {3}), /*blank=*/false, /*reconfig=*/false, 1);
  REQUIRE(settled(world));
  CHECK(world.peer({3}).role() == Role::Observing);
  CHECK(world.leader() == ServerId{2});
  world.trace = true;
  REQUIRE(world.propose({2}));
  REQUIRE(settled(world));
  std::vector<std::string> observed;
  for (const std::string& packet : world.packets) {
    if (packet.starts_with("2->3") || packet.starts_with("3->2")) observed.push_back(packet);
  }
  CHECK(observed == std::vector<std::string>{"2->3 INFORM 0x100000001"});
  CHECK(world.peer({2}).learner_counts().synced_observers == 1);
  // Both voters are needed: with one of them and the observer nothing is committed.
  world.crash({1});
  world.run_until([&] { return !world.peer({2}).serving(); });
  CHECK_FALSE(world.leader());
}

TEST_CASE("an observer that comes late gets what it missed as proposals and commits") {
  World world(of({1, 2}, {3}), false, false, 1);
  REQUIRE(settled(world));
  world.crash({3});
  REQUIRE(world.propose({2}));
  REQUIRE(world.propose({2}));
  REQUIRE(settled(world));
  world.trace = true;
  world.packets.clear();
  world.start({3});
  REQUIRE(settled(world));
  std::vector<std::string> to_observer;
  for (const std::string& packet : world.packets) {
    if (packet.starts_with("2->3")) to_observer.push_back(packet);
  }
  CHECK(to_observer ==
        std::vector<std::string>{"2->3 LEADERINFO 0x100000000", "2->3 DIFF 0x100000002",
                                 "2->3 PROPOSAL 0x100000001", "2->3 COMMIT 0x100000001",
                                 "2->3 PROPOSAL 0x100000002", "2->3 COMMIT 0x100000002",
                                 "2->3 NEWLEADER 0x100000000", "2->3 UPTODATE 0xffffffffffffffff"});
}

TEST_CASE("with reconfig the first config gets a version once a quorum agrees") {
  World world(of({1, 2, 3}), false, true, 1);
  REQUIRE(settled(world));
  for (const int id : {1, 2, 3}) {
    CHECK(world.peer({id}).membership().current().version() == 0x100000000);
    CHECK_FALSE(world.peer({id}).membership().changing());
  }
}

TEST_CASE("a server that the config does not name follows without a vote, then is named") {
  World world(of({1, 2, 3}), false, true, 1);
  REQUIRE(settled(world));
  world.add({4}, of({1, 2, 3, 4}));
  REQUIRE(settled(world));
  CHECK(world.peer({4}).role() == Role::Following);
  CHECK(world.peer({4}).membership().current().members().size() == 3);  // From NEWLEADER.
  CHECK(world.peer({3}).learner_counts().synced_non_voting == 1);

  world.trace = true;
  world.packets.clear();
  REQUIRE(world.reconfig({3}, of({1, 2, 3, 4}).members()));
  REQUIRE(settled(world));
  for (const int id : {1, 2, 3, 4}) {
    CHECK(world.peer({id}).membership().current().voter_count() == 4);
    CHECK(world.peer({id}).membership().current().version() == 0x100000001);
  }
  CHECK(world.leader() == ServerId{3});
  CHECK(std::count(world.packets.begin(), world.packets.end(),
                   "3->4 COMMITANDACTIVATE 0x100000001") == 1);
  // Nobody had to leave, and four servers need three.
  world.crash({1});
  REQUIRE(world.propose({3}));
  REQUIRE(settled(world));
  world.crash({2});
  world.run_until([&] { return !world.peer({3}).serving(); });
  CHECK_FALSE(world.leader());
}

TEST_CASE("a reconfig without a synced quorum of the new config is refused") {
  World world(of({1, 2, 3}), false, true, 1);
  REQUIRE(settled(world));
  CHECK_FALSE(world.reconfig({3}, of({3, 4, 5}).members()));
  CHECK_FALSE(world.peer({3}).membership().changing());
}

TEST_CASE("a reconfig without the leader: a designated one takes over, without an election") {
  World world(of({1, 2, 3}), false, true, 1);
  REQUIRE(settled(world));
  REQUIRE(world.reconfig({3}, of({1, 2}).members()));
  REQUIRE(world.run_until([&] { return world.peer({3}).role() != Role::Leading; }));
  REQUIRE(settled(world));
  REQUIRE(world.leader().has_value());
  CHECK(world.peer({3}).role() == Role::Following);  // Without a vote.
  CHECK(world.peer(*world.leader()).learner_counts().synced_non_voting == 1);
  REQUIRE(world.propose(*world.leader()));
  REQUIRE(settled(world));
}

TEST_CASE("an observer becomes a participant and comes back as one") {
  World world(of({1, 2, 3}, {4}), false, true, 1);
  REQUIRE(settled(world));
  REQUIRE(world.reconfig({3}, of({1, 2, 3, 4}).members()));
  REQUIRE(settled(world));
  CHECK(world.peer({4}).role() == Role::Following);
  CHECK(world.peer({3}).learner_counts().synced_followers == 3);
  REQUIRE(world.reconfig({3}, of({1, 2, 3}, {4}).members()));
  REQUIRE(settled(world));
  CHECK(world.peer({4}).role() == Role::Observing);
}

TEST_CASE("a proposed reconfig needs both quorums until it is committed, also its successors") {
  World world(of({1, 2, 3}), false, true, 1);
  world.add({4}, of({1, 2, 3, 4}));
  world.add({5}, of({1, 2, 3, 5}));
  REQUIRE(settled(world));
  world.at({4}).hold_syncs = true;
  world.at({5}).hold_syncs = true;
  REQUIRE(world.reconfig({3}, of({3, 4, 5}).members()));
  REQUIRE(world.propose({3}));
  world.run_idle();
  CHECK(world.chosen.empty());  // 1, 2 and 3 have it: no quorum of the new config.
  world.at({4}).hold_syncs = false;
  world.run_idle();
  CHECK(world.chosen.size() == 2);
  world.at({5}).hold_syncs = false;
  REQUIRE(settled(world));
  CHECK(world.chosen.size() == 2);
}

TEST_CASE("who knows of a reconfig leads for those who do not, when both configs need them") {
  World world(of({1, 3}), false, true, 1);
  REQUIRE(settled(world));
  world.add({4}, of({1, 3, 4}));
  REQUIRE(settled(world));
  const Passed passed;
  // The reconfig reaches the joiner, not the other voter, and the leader loses its quorum.
  world.cuts = {{{1}, {3}}};
  REQUIRE(world.reconfig({3}, of({3, 4}).members()));
  REQUIRE(world.run_until([&] { return world.peer({3}).role() != Role::Leading; }));
  CHECK(world.peer({3}).membership().changing());
  CHECK(world.peer({4}).membership().changing());
  CHECK_FALSE(world.peer({1}).membership().changing());
  // Server 1 does not take server 4 for a voter, and chooses without it.
  world.cuts = {{{1}, {4}}, {{3}, {4}}};
  REQUIRE(world.run_until([&] { return world.peer({3}).role() == Role::Leading; }));
  CHECK_FALSE(world.peer({3}).serving());
  world.cuts.clear();
  REQUIRE(settled(world));
  CHECK(world.peer({1}).membership().current().voters() == std::vector<ServerId>{{3}, {4}});
  CHECK(passed.missing({"elected by the current config alone"}) == "");
}

TEST_CASE("a reconfig that only the dead leader had is cut, and forgotten") {
  World world(of({1, 2, 3}), false, true, 1);
  REQUIRE(settled(world));
  for (const int id : {1, 2}) world.cuts.insert({{id}, {3}});
  REQUIRE(world.reconfig({3}, of({1, 2, 3}, {}).members()));
  world.run_idle();
  CHECK(world.peer({3}).membership().changing());
  REQUIRE(world.run_until([&] { return world.peer({2}).role() == Role::Leading; }));
  REQUIRE(world.run_until([&] { return world.peer({1}).serving() && world.peer({2}).serving(); }));
  REQUIRE(world.propose({2}));
  world.run_idle();
  world.cuts.clear();
  REQUIRE(settled(world));
  CHECK_FALSE(world.peer({3}).membership().changing());
  CHECK(world.peer({3}).membership().text() == world.peer({1}).membership().text());
}

TEST_CASE("who is an observer now, and has not heard of it, does not count for the next reconfig") {
  World world(of({1, 2, 3}), false, true, 1);
  REQUIRE(settled(world));
  // Committed by 2 and 3; the word of it has not reached server 1.
  world.hold_to = ServerId{1};
  REQUIRE(world.reconfig({3}, of({2, 3}, {1}).members()));
  world.run_idle();
  REQUIRE(world.peer({3}).membership().current().voters() == std::vector<ServerId>{{2}, {3}});
  CHECK_FALSE(world.peer({3}).quorum_synced(of({1, 3})));
  CHECK(world.peer({3}).quorum_synced(of({1, 2, 3})));
  world.hold_to.reset();
  REQUIRE(settled(world));
  CHECK(world.peer({1}).role() == Role::Observing);
  CHECK_FALSE(world.peer({3}).quorum_synced(of({1, 3})));
}

TEST_CASE("a reconfig behind another in the log shows that the other was committed") {
  World world(of({1, 2, 3}), false, true, 1);
  REQUIRE(settled(world));
  REQUIRE(world.reconfig({3}, of({2, 3}, {1}).members()));
  REQUIRE(settled(world));
  // The next one lacks the sync of server 2, half of the quorum that it needs.
  world.at({2}).hold_syncs = true;
  REQUIRE(world.reconfig({3}, of({3}).members()));
  world.run_idle();
  const std::size_t chosen = world.chosen.size();
  for (const int id : {1, 2, 3}) world.crash({id});
  world.start({1});
  world.start({3});
  CHECK(world.peer({3}).membership().current().voters() == std::vector<ServerId>{{2}, {3}});
  CHECK(world.peer({3}).membership().last_seen().voters() == std::vector<ServerId>{{3}});
  CHECK_FALSE(world.run_until([&] { return world.peer({3}).serving(); }, 20'000));
  CHECK(world.chosen.size() == chosen);
  world.at({2}).hold_syncs = false;
  world.start({2});
  REQUIRE(world.run_until([&] { return world.chosen.size() == chosen + 1; }));
  CHECK(world.peer({3}).membership().current().voters() == std::vector<ServerId>{{3}});
}

TEST_CASE("a joiner that does not know that it votes now is led by those who know") {
  World world(of({1, 2, 3}), false, true, 1);
  REQUIRE(settled(world));
  world.add({4}, of({1, 2, 3, 4}));
  REQUIRE(settled(world));
  // The next config cannot do without server 4, which ends before it hears of that.
  REQUIRE(world.reconfig({3}, of({3, 4}).members()));
  world.crash({4});
  world.run_idle();
  for (const int id : {1, 2, 3}) world.crash({id});
  for (const int id : {1, 2, 3, 4}) world.start({id});
  CHECK(world.peer({3}).membership().changing());
  CHECK_FALSE(world.peer({4}).membership().changing());
  REQUIRE(settled(world));
  CHECK(world.peer({4}).membership().current().voters() == std::vector<ServerId>{{3}, {4}});
}

TEST_CASE("a reconfig that a later epoch lacks does not keep its only holder from following") {
  const Passed passed;
  World world(of({1, 2, 3}), false, true, 1);
  REQUIRE(settled(world));
  for (const int id : {1, 2}) world.cuts.insert({{id}, {3}});
  REQUIRE(world.reconfig({3}, of({1, 2}, {3}).members()));
  REQUIRE(world.run_until([&] { return world.peer({2}).role() == Role::Leading; }));
  REQUIRE(world.run_until([&] { return world.peer({1}).serving() && world.peer({2}).serving(); }));
  REQUIRE(world.propose({2}));
  world.run_idle();
  CHECK(world.peer({3}).membership().changing());
  // Of those who know better one is away: the two that are left are a quorum.
  world.crash({2});
  world.cuts.clear();
  REQUIRE(world.run_until([&] { return world.peer({1}).serving() && world.peer({3}).serving(); }));
  CHECK_FALSE(world.peer({3}).membership().changing());
  CHECK(passed.missing({"elected by the current config alone"}) == "");
  world.start({2});
  REQUIRE(settled(world));
}

TEST_CASE("who was given a whole tree knows its config, also after a crash") {
  World world(of({1, 2, 3}), false, true, 1);
  REQUIRE(settled(world));
  world.add({4}, of({1, 2, 3, 4}));
  REQUIRE(settled(world));
  world.crash({1});
  REQUIRE(world.reconfig({3}, of({1, 2, 3, 4}).members()));
  for (int i = 0; i < 8; ++i) REQUIRE(world.propose({3}));  // Beyond the window.
  REQUIRE(settled(world));
  for (const int id : {2, 3, 4}) world.checkpoint({id}, true);
  world.start({1});
  REQUIRE(settled(world));
  world.crash({1});
  world.cuts = {{{1}, {2}}, {{1}, {3}}, {{1}, {4}}};
  world.start({1});
  CHECK(world.peer({1}).membership().current().voter_count() == 4);
}

TEST_CASE("random schedules with reconfigs: agreement and order hold, and it recovers") {
  const char* given = std::getenv("QUORATE_SEED");
  const char* count_text = std::getenv("QUORATE_SEEDS");
  const std::uint64_t first = given ? std::stoull(given) : 1;
  const std::uint64_t count = given ? 1 : count_text ? std::stoull(count_text) : 100;
  std::size_t reconfigs = 0;
  const Passed passed;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    CAPTURE(seed);
    World world(of({1, 2, 3}, seed % 2 == 0 ? std::vector<int>{4} : std::vector<int>{}), false,
                true, seed, seed % 4 == 0 ? 10 : World::kNoEnd);
    if (seed % 2 != 0) world.add({4}, of({1, 2, 3, 4}));
    world.add({5}, of({1, 2, 3, 5}));
    for (int i = 0; i < 20000; ++i) world.random_step();
    world.faults = false;
    world.cuts.clear();
    for (auto& [id, server] : world.all()) world.start(id);
    const auto serves = [&] {
      if (!world.leader() || !world.peer(*world.leader()).may_propose()) return false;
      for (const ServerId id : world.ensemble.voters()) {
        if (!world.peer(id).serving()) return false;
      }
      return true;
    };
    REQUIRE_MESSAGE(world.run_until(serves), world.states());
    REQUIRE(world.propose(*world.leader()));
    REQUIRE_MESSAGE(settled(world), world.states());
    for (const LogRecord& record : world.chosen) {
      if (reconfig_text(record.bytes.view())) ++reconfigs;
    }
  }
  CHECK(reconfigs > count);
  if (!given) {
    CHECK(passed.missing({"config learned from a vote", "designated leader",
                          "leader removed by its tail", "leader removed by reconfig",
                          "reconfig changes a role"}) == "");
  }
  if (count_text) MESSAGE(passed.all(), "reconfigs ", reconfigs);
}

}  // namespace quorate::consensus
