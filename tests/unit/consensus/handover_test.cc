// The counter of an epoch runs out: the next epoch begins on the open links (R50).
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/unit/consensus/ensemble_world.h"
#include "tests/unit/consensus/passed.h"

namespace quorate::consensus {
namespace {

using world::World;

bool settled(World& world) {
  return world.run_until([&] {
    for (auto& [id, server] : world.all()) {
      if (server.peer && server.tree != world.chosen) return false;
    }
    return world.all_serving() && world.leader() && world.peer(*world.leader()).may_propose();
  });
}

std::size_t times(World& world, ServerId id, EventKind kind) {
  const auto& events = world.at(id).events;
  return static_cast<std::size_t>(std::count_if(events.begin(), events.end(),
                                                [kind](const Event& e) { return e.kind == kind; }));
}

}  // namespace

TEST_CASE("when the counter runs out the next epoch begins without an election") {
  World world(3, false, 1, /*counter_end=*/4);
  REQUIRE(settled(world));
  for (int i = 0; i < 3; ++i) REQUIRE(world.propose({3}));
  CHECK_FALSE(world.peer({3}).may_propose());
  const Passed passed;
  REQUIRE(settled(world));
  CHECK(passed.missing({"epoch handed over"}) == "");
  for (const int id : {1, 2, 3}) {
    CHECK(world.peer({id}).accepted_epoch() == 2);
    CHECK(world.peer({id}).current_epoch() == 2);
    CHECK(times(world, {id}, EventKind::ServiceLost) == 0);
    CHECK(times(world, {id}, EventKind::Serving) == 1);
  }
  REQUIRE(world.propose({3}));
  REQUIRE(settled(world));
  CHECK(world.chosen.back().zxid == Zxid::make(2, 1));
  CHECK(world.chosen.size() == 4);
}

TEST_CASE("nothing is proposed in the next epoch before a quorum has promised it durably") {
  World world(3, false, 1, 4);
  REQUIRE(settled(world));
  for (int i = 0; i < 3; ++i) REQUIRE(world.propose({3}));
  for (const int id : {1, 2}) {
    // Their disks take the records, and no write more.
    while (world.peer({id}).last_logged() < Zxid::make(1, 3)) {
      const bool moved = world.deliver_any({id});
      REQUIRE(moved);
    }
    world.sync_disk({id}, 1000);
    world.at({id}).hold_syncs = true;
  }
  world.run_idle();
  CHECK(world.peer({3}).accepted_epoch() == 2);
  CHECK_FALSE(world.peer({3}).may_propose());
  CHECK(world.peer({3}).current_epoch() == 1);
  for (const int id : {1, 2}) world.at({id}).hold_syncs = false;
  REQUIRE(settled(world));
  CHECK(world.peer({3}).current_epoch() == 2);
}

TEST_CASE("a leader that dies while it hands over leaves an ensemble that elects") {
  World world(3, false, 1, 4);
  REQUIRE(settled(world));
  for (int i = 0; i < 3; ++i) REQUIRE(world.propose({3}));
  world.filter = [](ServerId, ServerId to, const QuorumPacket& packet) {
    return !(packet.type == PacketType::NewLeader && to == ServerId{1});
  };
  world.run_idle();
  world.filter = nullptr;
  world.crash({3}, 10);
  REQUIRE(settled(world));
  CHECK(world.chosen.size() == 3);
  REQUIRE(world.propose(*world.leader()));
  world.start({3});
  REQUIRE(settled(world));
}

TEST_CASE("a leader that loses its quorum while it hands over serves no longer than syncLimit") {
  World world(3, false, 1, 4, /*init=*/500);
  REQUIRE(settled(world));
  for (int i = 0; i < 3; ++i) REQUIRE(world.propose({3}));
  world.filter = [](ServerId, ServerId, const QuorumPacket& packet) {
    return packet.type != PacketType::LeaderInfo;
  };
  world.run_idle();
  REQUIRE(world.peer({3}).serving());
  REQUIRE_FALSE(world.peer({3}).may_propose());
  CHECK(world.run_until([&] { return !world.peer({3}).serving(); }, 600));
  world.filter = nullptr;
  REQUIRE(settled(world));
}

}  // namespace quorate::consensus
