#include "quorate/recipes/barrier.h"

#include "quorate/recipes/double_barrier.h"
#include "tests/unit/recipes/recipe_world.h"

using namespace quorate::client;
using namespace std::chrono_literals;
using quorate::Code;
using quorate::ErrorCode;
using quorate::OpCode;

TEST_CASE("barrier: all pass when it is taken down, and nobody before, lost links or not") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  Barrier at_a(a, "/deep/barrier"), at_b(b, "/deep/barrier");
  Outcome<Empty> down;
  at_b.async_wait(0ms, into(down));
  must(world, down);
  Outcome<Empty> raised, again, first, second;
  at_a.async_raise(into(raised));
  must(world, raised);
  at_a.async_raise(into(again));
  must(world, again);
  at_a.async_wait(0ms, into(first));
  at_b.async_wait(0ms, into(second));
  world.settle();
  world.server.cut();
  world.settle();
  // A change of its data must not let anybody pass.
  REQUIRE(world.server.set("/deep/barrier", "x") == Code::Ok);
  world.settle();
  CHECK_FALSE(first.done());
  CHECK_FALSE(second.done());
  Outcome<Empty> lowered;
  at_b.async_lower(into(lowered));
  must(world, lowered);
  must(world, first);
  must(world, second);
}

TEST_CASE("barrier: the limit ends the wait") {
  RecipeWorld world;
  Client& client = world.client();
  REQUIRE(world.server.create("/b") == Code::Ok);
  Barrier barrier(client, "/b");
  Outcome<Empty> wait;
  barrier.async_wait(20ms, into(wait));
  world.run_until([&] { return wait.done(); });
  CHECK(*wait.error == ErrorCode(boost::asio::error::timed_out));
}

namespace {

struct Round {
  Round(RecipeWorld& world, int count) {
    for (int i = 0; i < count; ++i) {
      barriers.push_back(std::make_unique<DoubleBarrier>(world.client(), "/d", count));
    }
    entered.resize(count);
    left.resize(count);
  }
  void enter(int i) { barriers[i]->async_enter(0ms, into(entered[i])); }
  void leave(int i) { barriers[i]->async_leave(0ms, into(left[i])); }
  std::vector<std::unique_ptr<DoubleBarrier>> barriers;
  std::vector<Outcome<Empty>> entered, left;
};

}  // namespace

TEST_CASE("double barrier: nobody begins before all are in, nobody ends before all are out") {
  RecipeWorld world;
  Round round(world, 3);
  round.enter(0);
  round.enter(1);
  world.settle();
  world.server.cut();
  world.settle();
  CHECK_FALSE(round.entered[0].done());
  CHECK_FALSE(round.entered[1].done());
  round.enter(2);
  for (auto& one : round.entered) must(world, one);
  round.leave(1);
  round.leave(0);
  world.settle();
  CHECK_FALSE(round.left[0].done());
  CHECK_FALSE(round.left[1].done());
  round.leave(2);
  for (auto& one : round.left) must(world, one);
  world.settle();
  CHECK(world.server.children("/d").empty());
}

TEST_CASE("double barrier: a lost reply while entering is waited out") {
  for (const OpCode op : {OpCode::Create2, OpCode::GetChildren2, OpCode::Exists}) {
    CAPTURE(static_cast<int>(op));
    RecipeWorld world;
    REQUIRE(world.server.create("/d") == Code::Ok);
    Round round(world, 2);
    round.enter(0);
    world.settle();
    world.server.lose_reply(op);
    round.enter(1);
    for (auto& one : round.entered) must(world, one);
    CHECK(world.server.faults_done());
  }
}

TEST_CASE("double barrier: a sign left over from an earlier round lets nobody pass early") {
  RecipeWorld world;
  REQUIRE(world.server.create("/d") == Code::Ok);
  REQUIRE(world.server.create("/d/ready") == Code::Ok);
  Round round(world, 2);
  round.enter(0);
  world.settle();
  CHECK_FALSE(round.entered[0].done());
  round.enter(1);
  must(world, round.entered[0]);
  must(world, round.entered[1]);
}

TEST_CASE(
    "double barrier: a participant whose session ends before the others came does not count") {
  RecipeWorld world;
  std::vector<Client*> clients{&world.client(), &world.client(), &world.client()};
  DoubleBarrier one(*clients[0], "/d", 2), two(*clients[1], "/d", 2), three(*clients[2], "/d", 2);
  Outcome<Empty> first, second, third;
  one.async_enter(0ms, into(first));
  world.settle();
  world.server.expire(clients[0]->session_id());
  world.run_until([&] { return first.done(); });
  CHECK(first.error->failed());
  two.async_enter(0ms, into(second));
  world.settle();
  CHECK_FALSE(second.done());
  three.async_enter(0ms, into(third));
  must(world, second);
  must(world, third);
}

TEST_CASE("double barrier: entering that ends by its limit leaves nothing behind") {
  RecipeWorld world;
  Client& client = world.client();
  DoubleBarrier barrier(client, "/d", 2);
  Outcome<Empty> entered, left;
  barrier.async_enter(30ms, into(entered));
  world.run_until([&] { return entered.done(); });
  CHECK(*entered.error == ErrorCode(boost::asio::error::timed_out));
  world.run_until([&] { return world.server.children("/d").empty(); });
  barrier.async_leave(0ms, into(left));
  world.run_until([&] { return left.done(); });
  CHECK(*left.error == ErrorCode(Code::BadArguments));
}

TEST_CASE("watch: an event that comes in one read with the reply that set its watch is told") {
  RecipeWorld world;
  Client& client = world.client();
  REQUIRE(world.server.create("/p") == Code::Ok);
  for (int round = 0; round < 20; ++round) {
    auto bell = std::make_shared<int>(0);
    Outcome<GetChildrenReply> listing;
    Outcome<CreateReply> created;
    std::function<void(const WatchEvent&)> told = [bell](const WatchEvent&) { ++*bell; };
    client.async_get_children("/p", Watcher(told), into(listing));
    client.async_create("/p/c" + std::to_string(round), quorate::Buffer("x"), CreateOptions(),
                        into(created));
    must(world, created);
    world.settle();
    CHECK(*bell == 1);
  }
}
