// A tree that differs from the digest of a txn: a whole one once, then no vote.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/unit/consensus/ensemble_world.h"

namespace quorate::consensus {
namespace {

using world::World;

bool settled(World& world) {
  return world.run_until([&] {
    for (auto& [id, server] : world.all()) {
      if (server.peer && server.tree != world.chosen) return false;
    }
    return world.all_serving() && world.leader();
  });
}

std::size_t packets(World& world, const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(world.packets.begin(), world.packets.end(),
                    [&](const std::string& packet) { return packet.starts_with(text); }));
}

/// Three servers with a txn; server 3 leads.
struct Three : World {
  Three() : World(3, false) {
    REQUIRE(settled(*this));
    REQUIRE(propose({3}));
    REQUIRE(settled(*this));
    trace = true;
  }
};

}  // namespace

TEST_CASE("a follower whose tree differs gets a whole one and keeps its vote") {
  Three world;
  world.step({1}, TreeDiverged{Zxid::make(1, 1)});
  REQUIRE(settled(world));
  CHECK(packets(world, "3->1 SNAP") == 1);
  CHECK(world.peer({1}).role() == Role::Following);
  world.crash({2});
  REQUIRE(world.propose({3}));
  REQUIRE(settled(world));
  CHECK(world.chosen.size() == 2);
}

TEST_CASE("a follower whose tree differs again serves on without a vote") {
  Three world;
  world.step({1}, TreeDiverged{Zxid::make(1, 1)});
  REQUIRE(settled(world));
  world.step({1}, TreeDiverged{Zxid::make(1, 1)});
  REQUIRE(settled(world));
  CHECK(packets(world, "3->1 SNAP") == 2);
  CHECK(packets(world, "1->3 OBSERVERINFO") == 1);
  CHECK(world.peer({1}).role() == Role::Observing);
  CHECK(world.peer({3}).learner_counts().synced_followers == 1);
  // Two of three hold the next txn, but only one of them counts.
  world.crash({2});
  world.run_until([&] { return !world.peer({3}).serving(); });
  CHECK_FALSE(world.leader());
  world.start({2});
  REQUIRE(settled(world));
}

TEST_CASE("a leader whose tree differs is not elected before it has a whole one") {
  Three world;
  world.step({3}, TreeDiverged{Zxid::make(1, 1)});
  REQUIRE(settled(world));
  CHECK(world.leader() == ServerId{2});
  CHECK(packets(world, "2->3 SNAP") == 1);
  world.crash({2});
  REQUIRE(settled(world));
  CHECK(world.leader() == ServerId{3});
}

}  // namespace quorate::consensus
