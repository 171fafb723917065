#include "quorate/recipes/partitioner.h"

#include <map>
#include <set>

#include "tests/unit/recipes/recipe_world.h"

using namespace quorate::client;
using quorate::Code;

namespace {

struct Worker {
  Worker(Client& client, const std::string& id)
      : partitioner(client, "/p", {"a", "b", "c", "d"}, id, events()) {
    partitioner.start();
  }
  ShardEvents events() {
    ShardEvents out;
    out.acquired = [this](const std::string& shard, std::int64_t) { working.insert(shard); };
    out.lost = [this](const std::string& shard) { working.erase(shard); };
    out.revoke = [this](const std::string& shard, std::function<void()> done) {
      asked[shard] = std::move(done);
    };
    return out;
  }
  /// Finishes what it was asked to.
  void finish() {
    for (auto& [shard, done] : std::exchange(asked, {})) {
      working.erase(shard);
      done();
    }
  }
  std::set<std::string> working;
  std::map<std::string, std::function<void()>> asked;
  Partitioner partitioner;
};

using Set = std::set<std::string>;

}  // namespace

TEST_CASE("share: kazoo's rule; all shards go to somebody, each to one") {
  CHECK(share_of({"d", "a", "c", "b", "e"}, 0, 2) == std::vector<std::string>{"a", "c", "e"});
  CHECK(share_of({"d", "a", "c", "b", "e"}, 1, 2) == std::vector<std::string>{"b", "d"});
  CHECK(share_of({"a"}, 1, 2).empty());
}

TEST_CASE("partitioner: a member that joins gets its share when the others have finished theirs") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  Worker one(a, "1");
  world.run_until([&] { return one.working == Set{"a", "b", "c", "d"}; });
  Worker two(b, "2");
  world.run_until([&] { return one.asked.size() == 2; });
  world.settle();
  CHECK(two.working.empty());  // Not before the hand-over is acknowledged.
  CHECK(one.partitioner.owns("b"));
  one.finish();
  world.run_until([&] { return two.working == Set{"b", "d"}; });
  CHECK(one.working == Set{"a", "c"});
  CHECK(one.partitioner.owned().size() == 2);
  two.partitioner.stop();
  world.run_until([&] { return one.working == Set{"a", "b", "c", "d"}; });
  CHECK(two.partitioner.owned().empty());
}

TEST_CASE(
    "partitioner: when a member's session ends the others take its shards over, tokens grow") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  Worker one(a, "1"), two(b, "2");
  world.run_until([&] {
    one.finish();
    two.finish();
    return one.working == Set{"a", "c"} && two.working == Set{"b", "d"};
  });
  const auto before = two.partitioner.owned();
  world.server.expire(b.session_id());
  world.run_until([&] { return one.working == Set{"a", "b", "c", "d"}; });
  CHECK(two.working.empty());
  CHECK(two.partitioner.owned().empty());
  CHECK(one.partitioner.owned().at("b") > before.at("b"));
}

TEST_CASE(
    "partitioner: a suspension loses all shards at once; they come back with greater tokens") {
  RecipeWorld world;
  Client& client = world.client();
  Worker one(client, "1");
  world.run_until([&] { return one.working.size() == 4; });
  const auto before = one.partitioner.owned();
  world.server.cut();
  world.run_until([&] { return client.state() == SessionState::Suspended; });
  CHECK(one.partitioner.owned().empty());
  CHECK(one.working.empty());
  world.run_until([&] { return one.working.size() == 4; });
  for (const auto& [shard, token] : one.partitioner.owned()) CHECK(token > before.at(shard));
}

TEST_CASE("partitioner: never one shard at two members with valid sessions, whatever happens") {
  RecipeWorld world;
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < 3; ++i) {
    workers.push_back(std::make_unique<Worker>(world.client(), std::to_string(i)));
  }
  std::uint64_t seed = 3;
  auto random = [&seed](std::uint64_t below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
  };
  auto check = [&] {
    std::set<std::string> seen;
    for (const auto& worker : workers) {
      for (const auto& [shard, token] : worker->partitioner.owned()) {
        CHECK_MESSAGE(seen.insert(shard).second, shard);
      }
    }
    return seen.size();
  };
  for (int step = 0; step < 300; ++step) {
    const std::size_t who = random(workers.size());
    switch (random(12)) {
      case 0:
        world.server.cut();
        break;
      case 1:
        if (step % 3 == 0) {
          workers[who] = nullptr;
          workers[who] = std::make_unique<Worker>(world.client(), std::to_string(step));
        }
        break;
      default:
        workers[who]->finish();
    }
    world.io.restart();
    world.io.run_one_for(std::chrono::milliseconds(2));
    check();
  }
  world.run_until([&] {
    for (auto& worker : workers) worker->finish();
    return check() == 4;
  });
}
