#include <set>

#include "quorate/recipes/discovery.h"
#include "quorate/recipes/node_cache.h"
#include "quorate/recipes/pushed_config.h"
#include "quorate/recipes/tree_cache.h"
#include "tests/unit/recipes/recipe_world.h"

using namespace quorate::client;
using namespace std::chrono_literals;
using quorate::Code;
using quorate::ErrorCode;
using quorate::OpCode;

TEST_CASE("node cache: follows creation, changes and deletion, also across a lost link") {
  RecipeWorld world;
  Client& client = world.client();
  std::vector<std::string> told;
  NodeCache cache(client, "/n", [&](const CachedNode& node) {
    told.push_back(node.exists ? node.data : "gone");
  });
  cache.start();
  world.run_until([&] { return told.size() == 1; });
  REQUIRE(world.server.create("/n", "a") == Code::Ok);
  world.run_until([&] { return told.size() == 2; });
  CHECK(cache.fresh());
  world.server.refuse(true);
  world.server.cut();
  world.run_until([&] { return !cache.fresh(); });
  REQUIRE(world.server.set("/n", "b") == Code::Ok);
  CHECK(cache.value().data == "a");
  world.server.refuse(false);
  world.run_until([&] { return told.size() == 3; });
  REQUIRE(world.server.remove("/n") == Code::Ok);
  world.run_until([&] { return told.size() == 4; });
  REQUIRE(world.server.create("/n", "a") == Code::Ok);
  world.run_until([&] { return told.size() == 5; });
  CHECK(told == std::vector<std::string>{"gone", "a", "b", "gone", "a"});
}

TEST_CASE("node cache: a lost reply or link at any read is waited out") {
  for (const OpCode op : {OpCode::GetData, OpCode::Exists}) {
    RecipeWorld world;
    Client& client = world.client();
    NodeCache cache(client, "/n");
    world.server.lose_reply(op);
    cache.start();
    world.run_until([&] { return world.server.faults_done(); });
    REQUIRE(world.server.create("/n", "a") == Code::Ok);
    world.run_until([&] { return cache.value().data == "a"; });
  }
}

namespace {

/// The tree below `path` as the server has it.
void collect(RecipeWorld& world, const std::string& path, std::map<std::string, std::string>& out) {
  if (!world.server.get(path)) return;
  out[path] = world.server.data(path);
  for (const std::string& name : world.server.children(path)) {
    collect(world, path + "/" + name, out);
  }
}

bool converged(RecipeWorld& world, const TreeCache& cache, const std::string& path) {
  std::map<std::string, std::string> real, cached;
  collect(world, path, real);
  for (const auto& [at, node] : cache.snapshot()) cached[at] = node.data;
  return real == cached;
}

}  // namespace

TEST_CASE("tree cache: is loaded whole, then told of what changes; children are listed") {
  RecipeWorld world;
  Client& client = world.client();
  for (const char* path : {"/t", "/t/a", "/t/a/x", "/t/a0", "/t/b"}) {
    REQUIRE(world.server.create(path, path) == Code::Ok);
  }
  std::vector<std::string> told;
  TreeCache cache(client, "/t", [&](const TreeEvent& event) {
    told.push_back(std::to_string(static_cast<int>(event.type)) + event.path);
  });
  cache.start();
  Outcome<Empty> loaded;
  cache.async_wait(0ms, into(loaded));
  must(world, loaded);
  CHECK(cache.snapshot().size() == 5);
  CHECK(cache.children("/t") == std::vector<std::string>{"a", "a0", "b"});
  CHECK(cache.value("/t/a/x").data == "/t/a/x");
  CHECK_FALSE(cache.value("/t/none").exists);
  told.clear();
  REQUIRE(world.server.set("/t/b", "new") == Code::Ok);
  REQUIRE(world.server.create("/t/b/y", "y") == Code::Ok);
  REQUIRE(world.server.remove("/t/a/x") == Code::Ok);
  REQUIRE(world.server.create("/other") == Code::Ok);
  world.run_until([&] { return told.size() == 3; });
  world.settle();
  CHECK(std::set<std::string>(told.begin(), told.end()) ==
        std::set<std::string>{"1/t/b", "0/t/b/y", "2/t/a/x"});
  CHECK(converged(world, cache, "/t"));
}

TEST_CASE("tree cache: what changed while the link was down is there after the reconnect") {
  RecipeWorld world;
  Client& client = world.client();
  REQUIRE(world.server.create("/t") == Code::Ok);
  REQUIRE(world.server.create("/t/old", "1") == Code::Ok);
  REQUIRE(world.server.create("/t/again", "1") == Code::Ok);
  TreeCache cache(client, "/t");
  cache.start();
  world.run_until([&] { return cache.fresh(); });
  world.server.refuse(true);
  world.server.cut();
  world.run_until([&] { return !cache.fresh(); });
  REQUIRE(world.server.remove("/t/old") == Code::Ok);
  REQUIRE(world.server.remove("/t/again") == Code::Ok);
  REQUIRE(world.server.create("/t/again", "1") == Code::Ok);
  REQUIRE(world.server.create("/t/new", "1") == Code::Ok);
  CHECK(cache.value("/t/old").exists);
  const std::int64_t before = cache.value("/t/again").stat.czxid;
  world.server.refuse(false);
  world.run_until([&] { return cache.fresh(); });
  CHECK(converged(world, cache, "/t"));
  CHECK(cache.value("/t/again").stat.czxid > before);
  REQUIRE(world.server.set("/t/new", "2") == Code::Ok);
  world.run_until([&] { return cache.value("/t/new").data == "2"; });
}

TEST_CASE("tree cache: converges to the tree under random changes and lost links") {
  RecipeWorld world;
  Client& client = world.client();
  TreeCache cache(client, "/t");
  cache.start();
  std::uint64_t seed = 7;
  auto random = [&seed](std::uint64_t below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
  };
  for (int step = 0; step < 400; ++step) {
    std::string path = "/t";
    for (std::uint64_t depth = random(4); depth > 0; --depth)
      path += "/" + std::to_string(random(3));
    switch (random(8)) {
      case 0:
      case 1:
      case 2:
      case 3:
        world.server.create(path, std::to_string(step));
        break;
      case 4:
      case 5:
        world.server.set(path, std::to_string(step));
        break;
      case 6:
        world.server.remove(path);
        break;
      default:
        if (random(4) == 0) world.server.cut();
    }
    if (random(3) == 0) world.io.poll();
    world.io.restart();
  }
  world.run_until([&] { return cache.fresh() && converged(world, cache, "/t"); });
  CHECK(converged(world, cache, "/t"));
}

TEST_CASE("discovery: instances are announced, changed, picked by the selection, and go") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  ServiceInstance one{"web", "i1", "10.0.0.1", 80, {{"zone", "a=1%\n"}}};
  ServiceInstance two{"web", "i2", "10.0.0.2", 81, {}};
  ServiceRegistration at_a(a, "/services", one), at_b(b, "/services", two);
  Outcome<Empty> first, second, loaded;
  at_a.async_announce(0ms, into(first));
  at_b.async_announce(0ms, into(second));
  must(world, first);
  must(world, second);
  ServiceProvider round(a, "/services", "web"), sticky(b, "/services", "web", Selection::Sticky);
  round.start();
  sticky.start();
  round.async_wait(0ms, into(loaded));
  must(world, loaded);
  world.run_until([&] { return sticky.all().size() == 2; });
  CHECK(round.all() == std::vector<ServiceInstance>{one, two});
  CHECK(round.pick()->id == "i1");
  CHECK(round.pick()->id == "i2");
  CHECK(round.pick()->id == "i1");
  const std::string stuck = sticky.pick()->id;
  CHECK(sticky.pick()->id == stuck);
  round.note_failure("i2", 1h);
  CHECK(round.pick()->id == "i1");
  CHECK(round.pick()->id == "i1");
  round.note_failure("i1", 1h);
  CHECK(round.pick().has_value());
  two.port = 99;
  at_b.update(two);
  world.run_until([&] { return round.all().back().port == 99; });
  world.server.expire(b.session_id());
  world.run_until([&] { return round.all().size() == 1; });
  at_a.withdraw();
  world.run_until([&] { return round.all().empty(); });
  CHECK_FALSE(round.pick().has_value());
}

TEST_CASE("discovery: data that is no instance is skipped, never trusted") {
  for (const char* text : {"", "address", "port=80\n", "address=a\nport=x\n",
                           "address=a\nport=70000", "address=%4", "address=%zz\n"}) {
    CAPTURE(text);
    CHECK_FALSE(decode_instance("s", "i", text).has_value());
  }
  CHECK(decode_instance("s", "i", "address=h\nfuture=1\n")->address == "h");
}

TEST_CASE(
    "configuration: is pushed, refused ones keep the last good, a stale publisher is refused") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  PushedConfig reader(a, "/conf/app",
                      [](const ConfigSnapshot& seen) { return seen.text != "bad"; });
  PushedConfig writer(b, "/conf/app", {});
  reader.start();
  CHECK(reader.current().version == -1);
  CHECK(reader.stale());
  Outcome<std::int32_t> first, second, late, bad;
  writer.async_publish("one", -1, into(first));
  must(world, first);
  world.run_until([&] { return reader.current().text == "one"; });
  CHECK_FALSE(reader.stale());
  world.server.lose_reply(OpCode::Multi);
  writer.async_publish("two", first.value, into(second));
  must(world, second);
  CHECK(second.value == 1);
  world.run_until([&] { return reader.current().text == "two" && reader.current().version == 1; });
  writer.async_publish("three", first.value, into(late));
  world.run_until([&] { return late.done(); });
  CHECK(*late.error == ErrorCode(Code::BadVersion));
  writer.async_publish("bad", second.value, into(bad));
  must(world, bad);
  world.run_until([&] { return reader.stale(); });
  CHECK(reader.current().text == "two");
  REQUIRE(world.server.remove("/conf/app") == Code::Ok);
  world.settle();
  CHECK(reader.current().text == "two");
}
