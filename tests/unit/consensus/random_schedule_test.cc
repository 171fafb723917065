// Any order of deliveries, lost links, crashes that lose un-synced writes: what must always hold.
// The checks themselves are in ensemble_world.h and Peer::check_invariants().
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "tests/unit/consensus/ensemble_world.h"
#include "tests/unit/consensus/passed.h"

namespace quorate::consensus {
namespace {

/// All the faults have ended: everybody serves by then.
constexpr std::int64_t kRecoversMs = 5000;

/// Schedules that never pass one of these are blind to its rules.
constexpr std::initializer_list<const char*> kMustPass = {
    "ack after commit",
    "commit before own fsync",
    "diff empty",
    "diff window",
    "epoch accepted before",
    "fresh ensemble",
    "join established",
    "slow learner dropped",
    "snap",
    "snap with writes meanwhile",
    "tail cut",
    "tail survives",
    "trunc",
    "trunc and pairs",
    "vote changed in settling",
};

}  // namespace

TEST_CASE("random schedules: agreement, order, nothing committed is lost, and it recovers") {
  const char* given = std::getenv("QUORATE_SEED");
  const char* count_text = std::getenv("QUORATE_SEEDS");
  const std::uint64_t first = given ? std::stoull(given) : 1;
  const std::uint64_t count = given ? 1 : count_text ? std::stoull(count_text) : 200;
  std::size_t applied = 0;
  const Passed passed;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    CAPTURE(seed);
    if (std::getenv("QUORATE_SEEDS"))
      std::fprintf(stderr, "seed %lu\n", static_cast<unsigned long>(seed));
    const int servers = 3 + static_cast<int>(seed % 3);
    // In some of them the counter of an epoch runs out again and again.
    const std::uint32_t counter_end = seed % 5 == 0 ? 8 : world::World::kNoEnd;
    // Mostly nobody may rely on initLimit: what is waited for in vain has to be noticed sooner.
    const std::int32_t init_limit = seed % 4 == 1 ? 10 : 1000;
    world::World world(servers, /*blank=*/seed % 2 == 0, seed, counter_end, init_limit,
                       /*max_notification=*/500);
    world.wipes_left = seed % 4 == 0 ? 1 : 0;
    for (int i = 0; i < 20000; ++i) world.random_step();
    // All faults end: a leader serves, everybody joins, and all trees are one.
    world.faults = false;
    world.cuts.clear();
    for (auto& [id, server] : world.all()) world.start(id);
    const bool serves = world.run_until(
        [&] {
          return world.all_serving() && world.leader() && world.peer(*world.leader()).may_propose();
        },
        kRecoversMs);
    REQUIRE_MESSAGE(serves, world.states());
    REQUIRE(world.propose(*world.leader()));
    REQUIRE(world.run_until([&] {
      for (auto& [id, server] : world.all()) {
        if (server.tree != world.chosen) return false;
      }
      return world.all_serving();
    }));
    applied += world.chosen.size();
  }
  CHECK(applied > count * 3);
  if (!given) CHECK(passed.missing(kMustPass) == "");
  if (count_text) MESSAGE(passed.all(), "applied ", applied);
}

}  // namespace quorate::consensus
