#include "quorate/recipes/queue.h"

#include "client-lib/src/recipes/entries.h"
#include "quorate/recipes/counter.h"
#include "quorate/recipes/locking_queue.h"
#include "tests/unit/recipes/recipe_world.h"

using namespace quorate::client;
using namespace std::chrono_literals;
using quorate::Code;
using quorate::ErrorCode;
using quorate::OpCode;

namespace {

template <class Q>
void put(RecipeWorld& world, Q& queue, const std::string& item, int priority = 100) {
  Outcome<Empty> done;
  queue.async_put(item, priority, into(done));
  must(world, done);
}

}  // namespace

TEST_CASE("queue: names are ordered by priority, then by number, also past the overflow") {
  CHECK(entries_in_order({"entry-100-0000000002", "entry-100-0000000001", "entry-005-0000000009",
                          "other", "entry-100-x", "entry-"}) ==
        std::vector<std::string>{"entry-005-0000000009", "entry-100-0000000001",
                                 "entry-100-0000000002"});
  CHECK(entries_in_order({"entry-100--2147483648", "entry-100-2147483647"}) ==
        std::vector<std::string>{"entry-100-2147483647", "entry-100--2147483648"});
}

TEST_CASE("queue: items come out by priority and in the order of arrival; a taker waits") {
  RecipeWorld world;
  Client& client = world.client();
  Queue queue(client, "/q");
  Outcome<std::string> early;
  queue.async_take(0ms, into(early));
  world.settle();
  CHECK_FALSE(early.done());
  put(world, queue, "first");
  must(world, early);
  CHECK(early.value == "first");
  put(world, queue, "b");
  put(world, queue, "c");
  put(world, queue, "a", 7);
  for (const char* expected : {"a", "b", "c"}) {
    Outcome<std::string> item;
    queue.async_take(0ms, into(item));
    must(world, item);
    CHECK(item.value == expected);
  }
  Outcome<std::string> none;
  queue.async_take(20ms, into(none));
  world.run_until([&] { return none.done(); });
  CHECK(*none.error == ErrorCode(boost::asio::error::timed_out));
  Outcome<Empty> bad;
  queue.async_put("x", 1000, into(bad));
  world.run_until([&] { return bad.done(); });
  CHECK(*bad.error == ErrorCode(Code::BadArguments));
}

TEST_CASE("queue: an item put once is there once, whatever is lost; no mark stays behind") {
  for (const bool reply : {true, false}) {
    CAPTURE(reply);
    RecipeWorld world;
    Client& client = world.client();
    Queue queue(client, "/q");
    put(world, queue, "warm");
    if (reply) world.server.lose_reply(OpCode::Multi);
    if (!reply) world.server.lose_request(OpCode::Multi);
    put(world, queue, "item");
    CHECK(world.server.faults_done());
    CHECK(world.server.children("/q").size() == 2);
    world.run_until([&] { return world.server.children("/q-__marks__").empty(); });
  }
}

TEST_CASE("queue: an item is taken once and not lost when the reply to its removal is") {
  for (const bool reply : {true, false}) {
    CAPTURE(reply);
    RecipeWorld world;
    Client& client = world.client();
    Queue queue(client, "/q");
    put(world, queue, "item");
    if (reply) world.server.lose_reply(OpCode::Multi);
    if (!reply) world.server.lose_request(OpCode::Multi);
    Outcome<std::string> item;
    queue.async_take(0ms, into(item));
    must(world, item);
    CHECK(item.value == "item");
    CHECK(world.server.faults_done());
    CHECK(world.server.children("/q").empty());
  }
}

TEST_CASE("queue: of many takers each gets another item") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  Queue at_a(a, "/q"), at_b(b, "/q");
  std::vector<Outcome<std::string>> taken(6);
  for (std::size_t i = 0; i < taken.size(); ++i) {
    (i % 2 == 0 ? at_a : at_b).async_take(0ms, into(taken[i]));
  }
  for (int i = 0; i < 6; ++i) put(world, at_a, std::to_string(i));
  std::vector<std::string> items;
  for (auto& one : taken) {
    must(world, one);
    items.push_back(one.value);
  }
  std::sort(items.begin(), items.end());
  CHECK(items == std::vector<std::string>{"0", "1", "2", "3", "4", "5"});
}

// ---- Locking queue
// ---------------------------------------------------------------------------------

TEST_CASE(
    "locking queue: an item is claimed by one, stays until done, and comes back if it is not") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  LockingQueue at_a(a, "/lq"), at_b(b, "/lq");
  put(world, at_a, "one");
  Outcome<QueueItem> first, other, third;
  at_a.async_take(0ms, into(first));
  must(world, first);
  CHECK(first.value.data() == "one");
  CHECK(first.value.valid());
  at_b.async_take(0ms, into(other));
  world.settle();
  CHECK_FALSE(other.done());
  CHECK(world.server.children("/lq/entries").size() == 1);
  world.server.expire(a.session_id());
  must(world, other);
  CHECK(other.value.data() == "one");
  CHECK(other.value.token() > first.value.token());
  CHECK_FALSE(first.value.valid());
  Outcome<Empty> done;
  at_b.async_done(other.value, into(done));
  must(world, done);
  CHECK(world.server.children("/lq/entries").empty());
  CHECK(world.server.children("/lq/taken").empty());
}

TEST_CASE("locking queue: two takers of one session never get one item") {
  RecipeWorld world;
  Client& client = world.client();
  LockingQueue queue(client, "/lq");
  put(world, queue, "one");
  Outcome<QueueItem> first, second;
  queue.async_take(0ms, into(first));
  queue.async_take(0ms, into(second));
  world.run_until([&] { return first.done() || second.done(); });
  world.settle();
  CHECK(first.done() != second.done());
  (first.done() ? first : second).value.release();
  world.run_until([&] { return first.done() && second.done(); });
}

TEST_CASE("locking queue: done is told once, whatever is lost") {
  for (const bool reply : {true, false}) {
    CAPTURE(reply);
    RecipeWorld world;
    Client& client = world.client();
    LockingQueue queue(client, "/lq");
    put(world, queue, "one");
    Outcome<QueueItem> item;
    queue.async_take(0ms, into(item));
    must(world, item);
    if (reply) world.server.lose_reply(OpCode::Multi);
    if (!reply) world.server.lose_request(OpCode::Multi);
    Outcome<Empty> done, twice;
    queue.async_done(item.value, into(done));
    must(world, done);
    CHECK(world.server.faults_done());
    queue.async_done(item.value, into(twice));
    world.run_until([&] { return twice.done(); });
    CHECK(*twice.error == ErrorCode(ClientErrc::NodeLost));
  }
}

TEST_CASE("locking queue: a claim whose create lost its reply is ours, once") {
  RecipeWorld world;
  Client& client = world.client();
  LockingQueue queue(client, "/lq");
  put(world, queue, "one");
  Outcome<QueueItem> given_back;  // The folders are there from now on.
  queue.async_take(0ms, into(given_back));
  must(world, given_back);
  given_back.value.release();
  world.run_until([&] { return world.server.children("/lq/taken").empty(); });
  world.server.lose_reply(OpCode::Create2);
  Outcome<QueueItem> item;
  queue.async_take(0ms, into(item));
  must(world, item);
  CHECK(world.server.faults_done());
  CHECK(item.value.valid());
}

TEST_CASE("locking queue: who has lost the claim cannot acknowledge") {
  RecipeWorld world;
  Client& client = world.client();
  LockingQueue queue(client, "/lq");
  put(world, queue, "one");
  Outcome<QueueItem> item;
  queue.async_take(0ms, into(item));
  must(world, item);
  REQUIRE(world.server.remove("/lq/taken/" + item.value.name()) == Code::Ok);
  Outcome<Empty> done;
  queue.async_done(item.value, into(done));
  world.run_until([&] { return done.done(); });
  CHECK(*done.error == ErrorCode(ClientErrc::NodeLost));
  CHECK(world.server.children("/lq/entries").size() == 1);
}

// ---- Counters
// --------------------------------------------------------------------------------------

TEST_CASE("counter: each addition counts once, whatever is lost") {
  for (const bool reply : {true, false}) {
    CAPTURE(reply);
    RecipeWorld world;
    Client& client = world.client();
    AtomicCounter counter(client, "/n/c");
    Outcome<CounterChange> first, second;
    counter.async_add(5, 0ms, into(first));
    must(world, first);
    CHECK(first.value.before == 0);
    CHECK(first.value.after == 5);
    if (reply) world.server.lose_reply(OpCode::Multi);
    if (!reply) world.server.lose_request(OpCode::Multi);
    counter.async_add(-7, 0ms, into(second));
    must(world, second);
    CHECK(world.server.faults_done());
    CHECK(second.value.after == -2);
    CHECK(world.server.data("/n/c") == "-2");
  }
}

TEST_CASE("counter: many additions at once all count") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  AtomicCounter at_a(a, "/c"), at_b(b, "/c");
  std::vector<Outcome<CounterChange>> all(10);
  for (std::size_t i = 0; i < all.size(); ++i) {
    (i % 2 == 0 ? at_a : at_b).async_add(1, 0ms, into(all[i]));
  }
  for (auto& one : all) must(world, one);
  CHECK(world.server.data("/c") == "10");
}

TEST_CASE("counter: overflow, strange data and stale values are refused") {
  RecipeWorld world;
  Client& client = world.client();
  REQUIRE(world.server.create("/max", "9223372036854775807") == Code::Ok);
  REQUIRE(world.server.create("/text", "1.5") == Code::Ok);
  AtomicCounter max(client, "/max"), text(client, "/text");
  Outcome<CounterChange> over, strange;
  max.async_add(1, 0ms, into(over));
  text.async_add(1, 0ms, into(strange));
  world.run_until([&] { return over.done() && strange.done(); });
  CHECK(*over.error == ErrorCode(Code::BadArguments));
  CHECK(*strange.error == ErrorCode(Code::DataInconsistency));
  Outcome<CounterValue> seen;
  max.async_get(into(seen));
  must(world, seen);
  REQUIRE(world.server.set("/max", "3") == Code::Ok);
  Outcome<Empty> stale, fresh;
  max.async_try_set(seen.value, 4, into(stale));
  world.run_until([&] { return stale.done(); });
  CHECK(*stale.error == ErrorCode(Code::BadVersion));
  ++seen.value.version;
  max.async_try_set(seen.value, 4, into(fresh));
  must(world, fresh);
  CHECK(world.server.data("/max") == "4");
}

TEST_CASE("shared counter: follows the value, and is not fresh while suspended") {
  RecipeWorld world;
  Client& client = world.client();
  std::vector<std::int64_t> told;
  SharedCounter counter(client, "/c", [&](const CounterValue& now) { told.push_back(now.value); });
  counter.start();
  world.run_until([&] { return told.size() == 1; });
  CHECK(told[0] == 0);
  REQUIRE(world.server.set("/c", "41") == Code::Ok);
  world.run_until([&] { return counter.value().value == 41; });
  CHECK(counter.fresh());
  world.server.refuse(true);
  world.server.cut();
  world.run_until([&] { return client.state() == SessionState::Suspended; });
  CHECK_FALSE(counter.fresh());
  REQUIRE(world.server.set("/c", "42") == Code::Ok);
  world.server.refuse(false);
  world.run_until([&] { return counter.value().value == 42 && counter.fresh(); });
  CHECK(told == std::vector<std::int64_t>{0, 41, 42});
}
