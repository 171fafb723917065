#include "quorate/recipes/lock.h"

#include <algorithm>

#include "quorate/recipes/multi_lock.h"
#include "quorate/recipes/read_write_lock.h"
#include "quorate/recipes/reentrant_lock.h"
#include "quorate/recipes/semaphore.h"
#include "tests/unit/recipes/recipe_world.h"

using namespace quorate::client;
using namespace std::chrono_literals;
using quorate::Code;
using quorate::CreateMode;
using quorate::ErrorCode;
using quorate::OpCode;

TEST_CASE("lock: one holder at a time, in the order of arrival, tokens grow") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  Lock lock_a(a, "/locks/one"), lock_b(b, "/locks/one");
  Outcome<Hold> first, second, third;
  lock_a.async_acquire(0ms, into(first));
  must(world, first);
  lock_b.async_acquire(0ms, into(second));
  world.settle();
  lock_a.async_acquire(0ms, into(third));
  world.settle();
  CHECK(first.value.valid());
  CHECK_FALSE(second.done());
  CHECK_FALSE(third.done());
  first.value.release();
  must(world, second);
  CHECK(second.value.valid());
  CHECK_FALSE(third.done());
  CHECK(second.value.token() > first.value.token());
  const std::int64_t before = second.value.token();
  second.value.release();
  must(world, third);
  CHECK(third.value.token() > before);
}

TEST_CASE("lock: a waiter watches its predecessor only: one wakes when the holder leaves") {
  RecipeWorld world;
  Client& client = world.client();
  Lock lock(client, "/l");
  std::vector<Outcome<Hold>> all(6);
  for (auto& one : all) {
    lock.async_acquire(0ms, into(one));
    world.settle();
  }
  must(world, all[0]);
  const int before = world.server.count(OpCode::GetChildren2);
  all[0].value.release();
  must(world, all[1]);
  world.settle();
  // Nobody else was before it: it knows that it is first without another look.
  CHECK(world.server.count(OpCode::GetChildren2) - before == 0);
  CHECK_FALSE(all[2].done());
  all[1].value.release();
  must(world, all[2]);
  world.settle();
  // Two were: the other one, which it did not watch, might still be there.
  CHECK(world.server.count(OpCode::GetChildren2) - before == 1);
  CHECK_FALSE(all[3].done());
}

TEST_CASE("lock: a waiter whose own znode goes together with its predecessor does not win") {
  RecipeWorld world;
  Client& client = world.client();
  Lock lock(client, "/l");
  Outcome<Hold> first, second;
  lock.async_acquire(0ms, into(first));
  must(world, first);
  lock.async_acquire(0ms, into(second));
  world.settle();
  Transaction both;
  for (const std::string& name : world.server.children("/l")) {
    const std::string path = "/l/" + name;
    if (path != first.value.node()) both.remove(path);
  }
  both.remove(first.value.node());
  Outcome<TransactionReply> gone;
  client.async_commit(both, into(gone));
  must(world, gone);
  world.run_until([&] { return second.done(); });
  CHECK(*second.error == ErrorCode(ClientErrc::NodeLost));
  CHECK_FALSE(first.value.valid());
}

TEST_CASE("lock: when one in the middle of the line leaves, nobody wins and nobody is overtaken") {
  RecipeWorld world;
  Client& client = world.client();
  Lock lock(client, "/l");
  Outcome<Hold> first, second, third;
  lock.async_acquire(0ms, into(first));
  must(world, first);
  lock.async_acquire(20ms, into(second));
  lock.async_acquire(0ms, into(third));
  world.run_until([&] { return second.done(); });
  CHECK(*second.error == ErrorCode(boost::asio::error::timed_out));
  world.settle();
  CHECK_FALSE(third.done());
  CHECK(world.server.children("/l").size() == 2);
  first.value.release();
  must(world, third);
}

TEST_CASE("lock: the order is that of the czxid, also when the sequence counter says otherwise") {
  RecipeWorld world;
  Client& client = world.client();
  // An older contender whose number is past the overflow, and a later one with a small number.
  REQUIRE(world.server.create("/l") == Code::Ok);
  REQUIRE(world.server.create("/l/a__lock__2147483647") == Code::Ok);
  Lock lock(client, "/l");
  Outcome<Hold> mine;
  lock.async_acquire(0ms, into(mine));
  world.settle();
  REQUIRE(world.server.create("/l/b__lock__-2147483648") == Code::Ok);
  world.settle();
  CHECK_FALSE(mine.done());
  REQUIRE(world.server.remove("/l/a__lock__2147483647") == Code::Ok);
  must(world, mine);
  CHECK(mine.value.valid());
}

TEST_CASE("lock: a contender whose create lost its reply stands in line once") {
  for (const bool carried_out : {true, false}) {
    CAPTURE(carried_out);
    RecipeWorld world;
    Client& client = world.client();
    REQUIRE(world.server.create("/l") == Code::Ok);
    if (carried_out) world.server.lose_reply(OpCode::Create2);
    if (!carried_out) world.server.lose_request(OpCode::Create2);
    Lock lock(client, "/l");
    Outcome<Hold> mine;
    lock.async_acquire(0ms, into(mine));
    must(world, mine);
    CHECK(world.server.faults_done());
    CHECK(mine.value.valid());
    CHECK(world.server.children("/l").size() == 1);
  }
}

TEST_CASE("lock: a lost link at any step of the way is waited out") {
  for (const OpCode op : {OpCode::GetChildren2, OpCode::Create2, OpCode::Exists}) {
    for (const bool reply : {true, false}) {
      CAPTURE(static_cast<int>(op));
      CAPTURE(reply);
      RecipeWorld world;
      Client& client = world.client();
      Client& other = world.client();
      Lock lock(client, "/l"), theirs(other, "/l");
      Outcome<Hold> first, mine;
      theirs.async_acquire(0ms, into(first));
      must(world, first);
      if (reply) world.server.lose_reply(op);
      if (!reply) world.server.lose_request(op);
      lock.async_acquire(0ms, into(mine));
      world.run_until([&] { return world.server.faults_done(); });
      world.settle();
      CHECK_FALSE(mine.done());
      first.value.release();
      must(world, mine);
      CHECK(mine.value.valid());
      world.settle();
      CHECK(world.server.children("/l").size() == 1);
    }
  }
}

TEST_CASE("lock: a hold turns invalid for good when the session is suspended, and tells so once") {
  RecipeWorld world;
  Client& client = world.client();
  Lock lock(client, "/l");
  Outcome<Hold> mine;
  lock.async_acquire(0ms, into(mine));
  must(world, mine);
  int told = 0;
  mine.value.on_invalid([&] { ++told; });
  world.settle();
  CHECK(told == 0);
  world.server.cut();
  world.run_until([&] { return client.state() == SessionState::Suspended; });
  CHECK_FALSE(mine.value.valid());
  CHECK(told == 1);
  world.run_until([&] {
    return client.state() == SessionState::Connected || client.state() == SessionState::Reconnected;
  });
  world.settle();
  CHECK_FALSE(mine.value.valid());
  CHECK(world.server.children("/l").size() == 1);
  mine.value.release();
  world.run_until([&] { return world.server.children("/l").empty(); });
  CHECK(told == 1);
}

TEST_CASE("lock: a hold turns invalid when its znode is deleted by someone else") {
  RecipeWorld world;
  Client& client = world.client();
  Lock lock(client, "/l");
  Outcome<Hold> mine, next;
  lock.async_acquire(0ms, into(mine));
  must(world, mine);
  lock.async_acquire(0ms, into(next));
  world.settle();
  REQUIRE(world.server.remove(mine.value.node()) == Code::Ok);
  must(world, next);
  CHECK_FALSE(mine.value.valid());
  CHECK(next.value.valid());
}

TEST_CASE("lock: a waiter whose znode is deleted is told NodeLost") {
  RecipeWorld world;
  Client& client = world.client();
  Lock lock(client, "/l");
  Outcome<Hold> first, second;
  lock.async_acquire(0ms, into(first));
  must(world, first);
  lock.async_acquire(0ms, into(second));
  world.settle();
  for (const std::string& name : world.server.children("/l")) {
    if ("/l/" + name != first.value.node()) REQUIRE(world.server.remove("/l/" + name) == Code::Ok);
  }
  world.run_until([&] { return second.done(); });
  CHECK(*second.error == ErrorCode(ClientErrc::NodeLost));
}

TEST_CASE(
    "lock: when the holder's session expires the next one gets it; the holder's hold is void") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  Lock lock_a(a, "/l"), lock_b(b, "/l");
  Outcome<Hold> first, second;
  lock_a.async_acquire(0ms, into(first));
  must(world, first);
  lock_b.async_acquire(0ms, into(second));
  world.settle();
  world.server.expire(a.session_id());
  must(world, second);
  CHECK_FALSE(first.value.valid());
  world.run_until([&] { return a.state() == SessionState::Expired; });
  Outcome<Hold> late;
  lock_a.async_acquire(0ms, into(late));
  world.run_until([&] { return late.done(); });
  CHECK(*late.error == ErrorCode(Code::SessionExpired));
}

TEST_CASE("lock: a waiter whose session expires is told so") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  Lock lock_a(a, "/l"), lock_b(b, "/l");
  Outcome<Hold> first, second;
  lock_a.async_acquire(0ms, into(first));
  must(world, first);
  lock_b.async_acquire(0ms, into(second));
  world.settle();
  world.server.expire(b.session_id());
  world.run_until([&] { return second.done(); });
  CHECK(*second.error == ErrorCode(Code::SessionExpired));
}

TEST_CASE("lock: the limit gives the place up, also while no server is there") {
  RecipeWorld world;
  Client& a = world.client();
  Lock lock(a, "/l");
  Outcome<Hold> first, second;
  lock.async_acquire(0ms, into(first));
  must(world, first);
  lock.async_acquire(50ms, into(second));
  world.settle();
  world.server.refuse(true);
  world.server.cut();
  world.run_until([&] { return second.done(); });
  CHECK(*second.error == ErrorCode(boost::asio::error::timed_out));
  world.server.refuse(false);
  world.run_until([&] { return world.server.children("/l").size() == 1; });
}

// ---- Read-write lock
// -------------------------------------------------------------------------------

TEST_CASE("read-write lock: readers share, a writer is alone, and nobody is overtaken") {
  RecipeWorld world;
  Client& client = world.client();
  ReadWriteLock lock(client, "/rw");
  Outcome<Hold> r1, r2, w1, r3, w2;
  lock.async_read(0ms, into(r1));
  lock.async_read(0ms, into(r2));
  must(world, r1);
  must(world, r2);
  lock.async_write(0ms, into(w1));
  world.settle();
  lock.async_read(0ms, into(r3));
  world.settle();
  CHECK_FALSE(w1.done());
  CHECK_FALSE(r3.done());  // Behind the writer: writers do not starve.
  r1.value.release();
  world.settle();
  CHECK_FALSE(w1.done());
  r2.value.release();
  must(world, w1);
  CHECK_FALSE(r3.done());
  lock.async_write(0ms, into(w2));
  w1.value.release();
  must(world, r3);
  world.settle();
  CHECK_FALSE(w2.done());
  r3.value.release();
  must(world, w2);
}

// ---- Reentrant lock
// --------------------------------------------------------------------------------

TEST_CASE("reentrant lock: its object gets further shares at once, others wait for the last one") {
  RecipeWorld world;
  Client& client = world.client();
  ReentrantLock mine(client, "/re"), other(client, "/re");
  Outcome<SharedHold> one, two, theirs;
  mine.async_acquire(0ms, into(one));
  must(world, one);
  mine.async_acquire(0ms, into(two));
  must(world, two);
  CHECK(one.value.token() == two.value.token());
  CHECK(world.server.children("/re").size() == 1);
  other.async_acquire(0ms, into(theirs));
  world.settle();
  one.value.release();
  world.settle();
  CHECK_FALSE(theirs.done());
  two.value.release();
  must(world, theirs);
}

TEST_CASE("reentrant lock: two calls at once stand in line once") {
  RecipeWorld world;
  Client& client = world.client();
  ReentrantLock lock(client, "/re");
  Outcome<SharedHold> one, two;
  lock.async_acquire(0ms, into(one));
  lock.async_acquire(0ms, into(two));
  must(world, one);
  must(world, two);
  CHECK(one.value.token() == two.value.token());
}

TEST_CASE("reentrant lock: after a suspension it does not wait for its own invalid share") {
  RecipeWorld world;
  Client& client = world.client();
  ReentrantLock lock(client, "/re");
  Outcome<SharedHold> one, two;
  lock.async_acquire(0ms, into(one));
  must(world, one);
  world.server.cut();
  world.run_until([&] { return client.state() == SessionState::Suspended; });
  lock.async_acquire(0ms, into(two));
  must(world, two);
  CHECK_FALSE(one.value.valid());
  CHECK(two.value.valid());
  CHECK(two.value.token() > one.value.token());
}

// ---- Semaphore
// -------------------------------------------------------------------------------------

TEST_CASE("semaphore: at most so many holders, in the order of arrival") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  Semaphore at_a(a, "/sem", 2), at_b(b, "/sem", 2);
  Outcome<Hold> one, two, three, four;
  at_a.async_acquire(0ms, into(one));
  must(world, one);
  at_b.async_acquire(0ms, into(two));
  must(world, two);
  at_a.async_acquire(0ms, into(three));
  world.settle();
  at_b.async_acquire(0ms, into(four));
  world.settle();
  CHECK_FALSE(three.done());
  CHECK_FALSE(four.done());
  CHECK(world.server.children("/sem").size() == 2);
  CHECK(world.server.data("/sem") == "2");
  two.value.release();
  must(world, three);
  CHECK_FALSE(four.done());
  world.server.expire(a.session_id());
  must(world, four);
  CHECK_FALSE(one.value.valid());
  CHECK_FALSE(three.value.valid());
}

TEST_CASE("semaphore: a lease whose create lost its reply is taken once") {
  RecipeWorld world;
  Client& client = world.client();
  REQUIRE(world.server.create("/sem", "1") == Code::Ok);
  REQUIRE(world.server.create("/sem-__lock__") == Code::Ok);
  Semaphore semaphore(client, "/sem", 1);
  Outcome<Hold> held, mine;
  semaphore.async_acquire(0ms, into(held));
  must(world, held);
  semaphore.async_acquire(0ms, into(mine));
  world.settle();
  world.server.lose_reply(OpCode::Create2);
  held.value.release();
  must(world, mine);
  CHECK(world.server.faults_done());
  CHECK(mine.value.valid());
  CHECK(world.server.children("/sem").size() == 1);
}

TEST_CASE("semaphore: another number of leases than the others' is refused") {
  RecipeWorld world;
  Client& client = world.client();
  REQUIRE(world.server.create("/sem", "3") == Code::Ok);
  Semaphore semaphore(client, "/sem", 2), none(client, "/none", 0);
  Outcome<Hold> mine, zero;
  semaphore.async_acquire(0ms, into(mine));
  none.async_acquire(0ms, into(zero));
  world.run_until([&] { return mine.done() && zero.done(); });
  CHECK(*mine.error == ErrorCode(Code::BadArguments));
  CHECK(*zero.error == ErrorCode(Code::BadArguments));
}

// ---- Multi-lock
// ------------------------------------------------------------------------------------

TEST_CASE("multi-lock: two that want the same locks in another order do not wait in a circle") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  MultiLock at_a(a, {"/x", "/y"}), at_b(b, {"/y", "/x", "/y"});
  Outcome<MultiHold> first, second;
  at_a.async_acquire(0ms, into(first));
  at_b.async_acquire(0ms, into(second));
  world.run_until([&] { return first.done() || second.done(); });
  CHECK(first.done() != second.done());
  Outcome<MultiHold>& winner = first.done() ? first : second;
  Outcome<MultiHold>& loser = first.done() ? second : first;
  CHECK(winner.value.valid());
  CHECK(winner.value.tokens().size() == 2);
  world.settle();
  CHECK_FALSE(loser.done());
  winner.value.release();
  must(world, loser);
  CHECK(loser.value.valid());
}

TEST_CASE("multi-lock: all or none: when the limit passes, those held already are given up") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  Lock y(b, "/y");
  Outcome<Hold> held;
  y.async_acquire(0ms, into(held));
  must(world, held);
  MultiLock both(a, {"/x", "/y"});
  Outcome<MultiHold> outcome;
  both.async_acquire(100ms, into(outcome));
  world.run_until([&] { return outcome.done(); });
  CHECK(*outcome.error == ErrorCode(boost::asio::error::timed_out));
  world.run_until([&] {
    return world.server.children("/x").empty() && world.server.children("/y").size() == 1;
  });
}

TEST_CASE("multi-lock: a suspension on the way makes it begin again; what is given is all valid") {
  RecipeWorld world;
  Client& a = world.client();
  Client& b = world.client();
  Lock y(b, "/y");
  Outcome<Hold> held;
  y.async_acquire(0ms, into(held));
  must(world, held);
  MultiLock both(a, {"/x", "/y"});
  Outcome<MultiHold> outcome;
  both.async_acquire(0ms, into(outcome));
  world.settle();
  world.server.cut();
  world.settle();
  held.value.release();
  must(world, outcome);
  CHECK(outcome.value.valid());
}

TEST_CASE(
    "lock: a hold is invalid as soon as its client begins to close, before the servers know") {
  RecipeWorld world;
  Client& client = world.client();
  Lock lock(client, "/l");
  Outcome<Hold> first, late;
  lock.async_acquire(0ms, into(first));
  must(world, first);
  CHECK(first.value.valid());
  bool told = false;
  first.value.on_invalid([&] { told = true; });
  world.settle();
  Outcome<Empty> closed;
  client.async_close(into(closed));
  world.run_until([&] { return !first.value.valid(); });
  CHECK(told);
  CHECK_FALSE(closed.done());
  CHECK(client.state() == SessionState::Connected);
  lock.async_acquire(0ms, into(late));
  world.run_until([&] { return late.done(); });
  CHECK(late.error == ErrorCode(ClientErrc::Closed));
  must(world, closed);
}
