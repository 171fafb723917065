#include "quorate/testing/fake.h"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "quorate/client.h"
#include "quorate/recipes/lock.h"
#include "quorate/recipes/sync_barrier.h"
#include "quorate/recipes/sync_cache.h"
#include "quorate/recipes/sync_group.h"
#include "quorate/recipes/sync_lock.h"
#include "quorate/recipes/sync_queue.h"
#include "quorate/sync_client.h"
#include "quorate/sync_retry.h"

namespace quorate::testing {
namespace {

using namespace std::chrono_literals;
using client::Code;
using client::ConnectOptions;
using client::CreateMode;
using client::Hold;
using client::SessionEvent;
using client::SessionState;
using client::SyncClient;

/// A client with a session of ten seconds.
struct Connected : SyncClient {
  explicit Connected(FakeEnsemble& fake) : Connected(options_of(fake)) {}
  explicit Connected(ConnectOptions options) : SyncClient(std::move(options)) {
    add_session_listener(
        [kept = states](const SessionEvent& event) { kept->push_back(event.state); });
    const auto connected = connect();
    REQUIRE_MESSAGE(connected.ok(), connected.message);
  }
  static ConnectOptions options_of(FakeEnsemble& fake) {
    ConnectOptions options = fake.options();
    options.session_timeout = 10s;
    return options;
  }
  SessionState last() const { return states->back(); }

  std::shared_ptr<std::vector<SessionState>> states = std::make_shared<std::vector<SessionState>>();
};

// ---- Answers
// -----------------------------------------------------------------------------------

TEST_CASE("fake: it answers as a server does") {
  FakeEnsemble fake;
  Connected client(fake);
  CHECK(client.create("/a", "1").value.path == "/a");
  CHECK(client.create("/a", "1").code == Code::NodeExists);
  CHECK(client.create("/b/c", "").code == Code::NoNode);
  CHECK(client.set_data("/a", "2", 7).code == Code::BadVersion);
  CHECK(client.set_data("/a", "2", 0).value.version == 1);
  const auto node = client.get_data("/a");
  CHECK(node.value.data == "2");
  CHECK(node.value.stat.czxid < node.value.stat.mzxid);
  const auto first = client.create("/a/s-", "", CreateMode::EphemeralSequential);
  CHECK(first.value.path == "/a/s-0000000000");
  CHECK(first.value.stat.ephemeral_owner == client.session_id().value);
  CHECK(client.remove("/a").code == Code::NotEmpty);
  CHECK(client.get_children("/a").value.children == std::vector<std::string>{"s-0000000000"});
  client::Transaction both;
  both.create("/t", "x");
  both.check("/a", 9);
  CHECK(client.commit(both).code == Code::BadVersion);
  CHECK_FALSE(fake.get("/t").has_value());
  client.close();
  CHECK(fake.children("/a").empty());
}

TEST_CASE("fake: watches fire, told within the calls that wait") {
  FakeEnsemble fake;
  Connected client(fake);
  fake.create("/a", "1");
  std::vector<std::string> told;
  const auto note = [&](const client::WatchEvent& event) { told.push_back(event.path); };
  CHECK(client.get_data("/a", note).value.data == "1");
  CHECK(fake.set("/a", "2") == Code::Ok);
  CHECK(told.empty());
  fake.settle();
  CHECK(told == std::vector<std::string>{"/a"});
  CHECK(fake.get("/a") == "2");
  CHECK(fake.stat("/a")->version == 1);
  CHECK_FALSE(fake.stat("/b").has_value());
}

TEST_CASE("fake: time passes only where something waits, and then at once") {
  FakeEnsemble fake;
  Connected client(fake);
  const auto before = fake.elapsed();
  fake.advance(1h);
  CHECK(fake.elapsed() - before == 1h);
  CHECK(client.state() == SessionState::Connected);  // It has pinged all the time.
  CHECK(fake.count(Op::Ping) > 300);
  const auto asked = fake.elapsed();
  client.exists("/a");
  CHECK(fake.elapsed() - asked == 1ms);  // Two latencies.
}

TEST_CASE("fake: what is waited for in vain ends with its reason") {
  FakeOptions options;
  options.patience = 5s;
  FakeEnsemble fake(options);
  ConnectOptions patient = fake.options();
  patient.operation_timeout = 0s;
  Connected client(patient);
  fake.lose_reply(Request(Op::Create).below("/never"));
  fake.delay_reply(Op::Exists, 1min);
  try {
    client.exists("/a");
    FAIL("it did not wait");
  } catch (const FakeError& error) {
    const std::string what = error.what();
    CHECK(what.find("5000 ms") != std::string::npos);
    CHECK(what.find("lose_reply create below /never") != std::string::npos);
    CHECK(what.find("exists /a") != std::string::npos);
  }
}

// ---- Faults of one request
// ---------------------------------------------------------------------

TEST_CASE("fake: a lost reply: the write has happened, the session goes on") {
  FakeEnsemble fake;
  Connected client(fake);
  fake.lose_reply(Op::Create);
  CHECK(client.create("/a", "x").code == Code::ConnectionLoss);
  CHECK(fake.get("/a") == "x");
  CHECK(fake.all_struck());
  fake.run_until([&] { return client.last() == SessionState::Reconnected; });
  CHECK(client.create("/a", "x").code == Code::NodeExists);
}

TEST_CASE("fake: a lost request: nothing has happened") {
  FakeEnsemble fake;
  Connected client(fake);
  fake.lose_request(Op::Create);
  CHECK(client.create("/a", "x").code == Code::ConnectionLoss);
  CHECK_FALSE(fake.get("/a").has_value());
  CHECK(client.create("/a", "x").ok());
}

TEST_CASE("fake: an answer of the script's: nothing has happened, the connection stands") {
  FakeEnsemble fake;
  Connected client(fake);
  fake.create("/q");
  fake.answer(Request(Op::Create).below("/q"), Code::QuotaExceeded);
  CHECK(client.create("/other", "").ok());
  CHECK(client.create("/q/a", "").code == Code::QuotaExceeded);
  CHECK(client.create("/q/a", "").ok());
  CHECK(fake.count(Op::Connect) == 1);
  CHECK_THROWS_AS(fake.answer(Op::Connect, Code::NoAuth), FakeError);
}

TEST_CASE("fake: an io_context that ends takes with it what was under way") {
  FakeEnsemble fake;
  const auto kept = std::make_shared<int>(0);
  {
    boost::asio::io_context io;
    fake.drive(io);
    client::Client client(io.get_executor(), fake.options());
    client.async_connect([](client::ErrorCode, const client::ConnectReport&) {});
    fake.settle();
    fake.delay_reply(Op::Create, 3s);
    client.async_create("/a", "x", {},
                        [kept](client::ErrorCode, const client::CreateReply&) { ++*kept; });
    fake.settle();
    CHECK(kept.use_count() == 2);
  }
  CHECK(kept.use_count() == 1);
  CHECK(*kept == 0);
}

TEST_CASE("fake: a delayed reply: done at once, told late; what is behind it waits, too") {
  FakeEnsemble fake;
  boost::asio::io_context io;
  fake.drive(io);
  client::Client client(io.get_executor(), fake.options());
  client.async_connect([](client::ErrorCode, const client::ConnectReport&) {});
  fake.settle();
  fake.delay_reply(Op::Create, 3s);
  std::vector<std::string> told;
  client.async_create("/a", "x", {}, [&](client::ErrorCode, const client::CreateReply&) {
    told.push_back("create at " + std::to_string(fake.elapsed().count()));
  });
  client.async_exists("/a", [&](client::ErrorCode error, const client::Stat&) {
    CHECK_FALSE(error);
    told.push_back("exists");
  });
  const auto asked = fake.elapsed();
  fake.settle();
  CHECK(told.empty());
  CHECK(fake.get("/a") == "x");
  fake.advance(4s);
  REQUIRE(told.size() == 2);
  CHECK(told.front() == "create at " + std::to_string((asked + 3s).count()));
}

TEST_CASE("fake: requests are told apart by kind, path, number and session") {
  FakeEnsemble fake;
  Connected a(fake), b(fake);
  fake.create("/x");
  fake.answer(Request(Op::Create).below("/x").nth(2), Code::NoAuth);
  fake.answer(Request(Op::SetData, "/x").of(b.session_id()), Code::NoAuth);
  fake.answer(Request(Op::Commit, "/x/3"), Code::NoAuth);
  CHECK(a.create("/x/1", "").ok());
  CHECK(a.create("/y", "").ok());
  CHECK(a.set_data("/x", "").ok());
  CHECK(b.set_data("/x", "").code == Code::NoAuth);
  CHECK(fake.outstanding() ==
        std::vector<std::string>{"answer create below /x, 1 of 2 seen", "answer commit /x/3"});
  CHECK(a.create("/x/2", "").code == Code::NoAuth);
  client::Transaction two;
  two.check("/x", -1);
  two.create("/x/3", "");
  CHECK(a.commit(two).code == Code::NoAuth);
  CHECK(fake.all_struck());
  CHECK(a.commit(two).ok());
}

TEST_CASE("fake: of two faults for the same request the second strikes the next") {
  FakeEnsemble fake;
  Connected client(fake);
  fake.lose_reply(Op::Create);
  fake.lose_request(Op::Create);
  CHECK(client.create("/a", "").code == Code::ConnectionLoss);
  CHECK(fake.outstanding() == std::vector<std::string>{"lose_request create"});
  CHECK(client.create("/b", "").code == Code::ConnectionLoss);
  CHECK(fake.get("/a").has_value());
  CHECK_FALSE(fake.get("/b").has_value());
}

TEST_CASE("fake: the script's own code before and after a request") {
  FakeEnsemble fake;
  Connected client(fake);
  fake.before(Op::Create, [&] { fake.create("/a", "faster"); });
  CHECK(client.create("/a", "slower").code == Code::NodeExists);
  CHECK(fake.get("/a") == "faster");
  fake.after(Request(Op::SetData, "/a"), [&] { fake.set("/a", "again"); });
  CHECK(client.set_data("/a", "mine").value.version == 1);
  CHECK(fake.get("/a") == "again");
  fake.before(Op::Exists, [&] { fake.cut(); });
  CHECK(client.exists("/a").code == Code::ConnectionLoss);
}

// ---- Connections and sessions
// ------------------------------------------------------------------

TEST_CASE("fake: a lost handshake is tried again") {
  FakeEnsemble fake;
  fake.lose_reply(Op::Connect);
  Connected client(fake);
  CHECK(fake.count(Op::Connect) == 2);
  CHECK(client.exists("/").ok());
}

TEST_CASE("fake: cut: suspended, reconnected, ephemerals and watches are there") {
  FakeEnsemble fake;
  Connected a(fake), b(fake);
  bool told = false;
  a.create("/e", "", CreateMode::Ephemeral);
  a.exists("/later", [&](const client::WatchEvent&) { told = true; });
  fake.cut(b.session_id());
  fake.settle();
  CHECK(b.last() == SessionState::Suspended);
  CHECK(a.last() == SessionState::Connected);
  fake.cut();
  fake.advance(3s);
  CHECK(a.last() == SessionState::Reconnected);
  CHECK(fake.get("/e").has_value());
  fake.create("/later");
  fake.settle();
  CHECK(told);
}

TEST_CASE("fake: expire: the client is told, its ephemerals are gone") {
  FakeEnsemble fake;
  Connected client(fake);
  client.create("/e", "", CreateMode::Ephemeral);
  CHECK(fake.expire(client.session_id()));
  CHECK_FALSE(fake.get("/e").has_value());
  fake.run_until([&] { return client.state() == SessionState::Expired; });
  CHECK(client.exists("/e").code == Code::SessionExpired);
  CHECK_FALSE(fake.expire(client.session_id()));
}

TEST_CASE("fake: stall: in doubt on a connection that stands; over when it takes too long") {
  FakeEnsemble fake;
  Connected client(fake);
  client.create("/e", "", CreateMode::Ephemeral);
  fake.stall(8s);
  fake.advance(7s);
  CHECK(client.last() == SessionState::Suspended);
  CHECK(fake.get("/e").has_value());
  fake.advance(10s);
  CHECK(client.last() == SessionState::Reconnected);
  fake.stall(30s);
  fake.advance(12s);
  CHECK_FALSE(fake.get("/e").has_value());
  CHECK(client.last() == SessionState::Suspended);  // It cannot know yet.
  fake.advance(30s);
  CHECK(client.last() == SessionState::Expired);
}

TEST_CASE("fake: refused connections are reported, and tried again") {
  FakeEnsemble fake;
  fake.refuse(2s);
  ConnectOptions options = fake.options();
  options.connect_timeout = 1s;
  SyncClient impatient(options);
  const auto connected = impatient.connect();
  CHECK_FALSE(connected.ok());
  REQUIRE(connected.value.failures.size() == 1);
  CHECK(connected.value.failures[0].first == "fake1:2181");
  CHECK(connected.value.failures[0].second == "Connection refused");
  Connected patient(fake);
  CHECK(fake.elapsed() >= 2s);
}

TEST_CASE("fake: a host that is none of its servers is refused") {
  FakeEnsemble fake;
  ConnectOptions options = fake.options();
  options.servers = "elsewhere:2181";
  options.connect_timeout = 1s;
  SyncClient client(options);
  CHECK_FALSE(client.connect().ok());
}

TEST_CASE("fake: servers go one by one: the session moves; while none runs it does not age") {
  FakeOptions three;
  three.servers = 3;
  FakeEnsemble fake(three);
  SyncClient client(Connected::options_of(fake));
  const auto connected = client.connect();
  REQUIRE(connected.ok());
  client.create("/e", "", CreateMode::Ephemeral);
  fake.stop(connected.value.server[4] - '0');
  fake.advance(3s);
  CHECK(client.state() == SessionState::Reconnected);
  CHECK(fake.connections() == 1);
  fake.stop();
  fake.advance(1min);
  CHECK(fake.create("/x") == Code::ConnectionLoss);
  CHECK(client.state() == SessionState::Suspended);
  fake.start(2);
  fake.run_until([&] { return client.state() == SessionState::Reconnected; });
  CHECK(client.exists("/e").ok());
  CHECK_THROWS_AS(fake.stop(4), FakeError);
}

TEST_CASE("fake: read-only: those who put up with it read, nobody writes, and it ends") {
  FakeEnsemble fake;
  ConnectOptions options = Connected::options_of(fake);
  options.read_only = true;
  Connected writer(fake);
  writer.create("/a", "1");
  fake.set_read_only(true);
  Connected reader(options);
  CHECK(reader.state() == SessionState::ReadOnly);
  CHECK(reader.get_data("/a").value.data == "1");
  CHECK(reader.create("/b", "").code == Code::NotReadOnly);
  CHECK(writer.last() == SessionState::Suspended);
  CHECK(fake.create("/x") == Code::NotReadOnly);
  fake.set_read_only(false);
  fake.run_until([&] { return writer.last() == SessionState::Reconnected; });
  fake.run_until([&] { return reader.last() == SessionState::Connected; });
  CHECK(reader.create("/b", "").ok());
}

// ---- Recipes
// -----------------------------------------------------------------------------------

TEST_CASE("fake: a lock whose create has lost its reply is one lock, not two") {
  FakeEnsemble fake;
  Connected client(fake);
  fake.lose_reply(Request(Op::Create).below("/lock/"));
  client::SyncLock lock(client, "/lock");
  const auto held = lock.acquire(10s);
  REQUIRE_MESSAGE(held.ok(), held.message);
  CHECK(held.value.valid());
  CHECK(fake.all_struck());
  CHECK(fake.children("/lock").size() == 1);
}

TEST_CASE("fake: a holder is told of its expiry before another holds, with a greater token") {
  FakeEnsemble fake;
  boost::asio::io_context io;
  fake.drive(io);
  client::Client a(io.get_executor(), fake.options()), b(io.get_executor(), fake.options());
  for (auto* each : {&a, &b}) {
    each->async_connect([](client::ErrorCode, const client::ConnectReport&) {});
  }
  fake.settle();
  client::Lock lock_a(a, "/lock"), lock_b(b, "/lock");
  Hold first, second;
  std::vector<std::string> order;
  lock_a.async_acquire(0ms, [&](client::ErrorCode, Hold hold) { first = std::move(hold); });
  fake.run_until([&] { return first.valid(); });
  first.on_invalid([&] { order.push_back("lost"); });
  lock_b.async_acquire(0ms, [&](client::ErrorCode error, Hold hold) {
    second = std::move(hold);
    order.push_back(error ? "gave up" : "won");
  });
  fake.advance(1s);
  CHECK_FALSE(second.valid());
  fake.stall(2min);  // As if a's process were paused, and b's with it.
  fake.advance(1min);
  CHECK_FALSE(first.valid());
  CHECK_FALSE(second.valid());
  fake.advance(2min);
  // Both sessions are over; the holder knew it first, as it had to.
  CHECK(order == std::vector<std::string>{"lost", "gave up"});
  first.release();
}

TEST_CASE("fake: the next holder wins when the first one's session is expired") {
  FakeEnsemble fake;
  Connected a(fake), b(fake);
  client::SyncLock lock_a(a, "/lock"), lock_b(b, "/lock");
  auto first = lock_a.acquire();
  REQUIRE(first.ok());
  CHECK(lock_b.acquire(1s).code == Code::RequestTimeout);
  fake.expire(a.session_id());
  const auto second = lock_b.acquire(1s);
  REQUIRE(second.ok());
  CHECK(second.value.token() > first.value.token());
  fake.settle();
  CHECK_FALSE(first.value.valid());
}

TEST_CASE("fake: blocking recipes of all kinds run in it") {
  FakeEnsemble fake;
  Connected a(fake), b(fake);
  client::SyncQueue queue(a, "/queue");
  CHECK(queue.put("x").ok());
  fake.lose_reply(Request(Op::Commit).below("/queue"));
  CHECK(queue.take(10s).value == "x");
  CHECK(queue.take(2s).code == Code::RequestTimeout);
  client::SyncCounter counter(a, "/counter");
  fake.lose_reply(Request(Op::Commit).below("/counter"));
  CHECK(counter.add(3).value.after == 3);
  CHECK(client::SyncCounter(b, "/counter").add(4).value.after == 7);
  client::SyncGroup group_a(a, "/group", "a"), group_b(b, "/group", "b");
  CHECK(group_a.join().ok());
  CHECK(group_b.join().ok());
  CHECK(group_a.members().value.size() == 2);
  client::SyncLeaderLatch latch(a, "/latch", "a");
  latch.start();
  CHECK(latch.wait(1s).ok());
  client::SyncTreeCache cache(b, "/counter");
  CHECK(cache.wait(1s).ok());
  fake.create("/counter/below", "z");
  fake.settle();
  CHECK(cache.value("/counter/below").data == "z");
  client::SyncBarrier barrier(a, "/barrier");
  CHECK(barrier.raise().ok());
  CHECK(barrier.wait(1s).code == Code::RequestTimeout);
  fake.after(Request(Op::GetData, "/barrier"), [&] { fake.remove("/barrier"); });
  CHECK(barrier.wait(1s).ok());
  client::SyncRetry retry(a);
  fake.lose_reply(Request(Op::Create).below("/workers"));
  fake.create("/workers");
  CHECK(retry.create("/workers/w-", "me", CreateMode::EphemeralSequential).ok());
  CHECK(fake.children("/workers").size() == 1);
  CHECK(fake.all_struck());
  fake.expire(b.session_id());
  CHECK(group_a.members().value.size() == 1);
}

// ---- The same again
// ----------------------------------------------------------------------------

std::vector<std::string> a_story(std::uint64_t seed) {
  FakeOptions options;
  options.seed = seed;
  options.servers = 3;
  FakeEnsemble fake(options);
  {
    Connected a(fake), b(fake);
    fake.lose_reply(Request(Op::Create).below("/lock/"));
    fake.lose_request(Op::Sync);
    client::SyncLock lock_a(a, "/lock"), lock_b(b, "/lock");
    auto held = lock_a.acquire();
    fake.stop(1);
    CHECK(lock_b.acquire(3s).code == Code::RequestTimeout);
    held.value.release();
    CHECK(lock_b.acquire(30s).ok());
  }
  std::vector<std::string> all;
  for (const RequestRecord& record : fake.history()) all.push_back(to_string(record));
  return all;
}

TEST_CASE("fake: the same script and seed, the same requests and answers at the same times") {
  const std::vector<std::string> first = a_story(1);
  CHECK(first.size() > 10);
  CHECK(first == a_story(1));
  CHECK(first != a_story(2));  // Other GUIDs, at the least.
}

// ---- That the faults bite
// ----------------------------------------------------------------------

/// What many have written before they knew of lost replies: asks again, and believes NodeExists to
/// be an answer.
bool naive_claim(SyncClient& client, const std::string& path) {
  while (true) {
    const auto made = client.create(path, "me", CreateMode::Ephemeral);
    if (made.code == Code::ConnectionLoss) continue;
    return made.ok();
  }
}

bool careful_claim(SyncClient& client, const std::string& path) {
  return client::SyncRetry(client).create(path, "me", CreateMode::Ephemeral).ok();
}

TEST_CASE("fake: a lost reply at each request in turn finds what naive code gets wrong") {
  std::set<int> naive_wrong, careful_wrong;
  for (int number = 1; number <= 4; ++number) {
    for (const bool careful : {false, true}) {
      FakeEnsemble fake;
      Connected client(fake);
      fake.lose_reply(Request(Op::Any).nth(number));
      const bool claimed = careful ? careful_claim(client, "/mine") : naive_claim(client, "/mine");
      const auto stat = fake.stat("/mine");
      const bool ours = stat && stat->ephemeral_owner == client.session_id().value;
      if (claimed != ours) (careful ? careful_wrong : naive_wrong).insert(number);
    }
  }
  CHECK(naive_wrong == std::set<int>{1});
  CHECK(careful_wrong.empty());
}

/// A lock for which the session does not matter: held until it is given back.
bool naive_holder_notices(FakeEnsemble& fake, SyncClient& client) {
  client::SyncLock lock(client, "/lock");
  const auto held = lock.acquire();
  const bool believes = held.ok();  // Once, and never asked again.
  fake.expire(client.session_id());
  fake.settle();
  return !believes;
}

TEST_CASE("fake: an expiry finds a holder that asks only once") {
  FakeEnsemble fake;
  Connected naive(fake), careful(fake), other(fake);
  CHECK_FALSE(naive_holder_notices(fake, naive));
  client::SyncLock lock(careful, "/lock");
  const auto held = lock.acquire();
  REQUIRE(held.ok());
  fake.expire(careful.session_id());
  fake.settle();
  CHECK_FALSE(held.value.valid());
  CHECK(client::SyncLock(other, "/lock").acquire(1s).ok());
}

}  // namespace
}  // namespace quorate::testing
