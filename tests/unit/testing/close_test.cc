// How long the end of a client takes.
#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "quorate/recipes/sync_group.h"
#include "quorate/recipes/sync_lock.h"
#include "quorate/sync_client.h"
#include "quorate/testing/fake.h"

namespace quorate::testing {
namespace {

using namespace std::chrono_literals;
using client::Code;
using client::SessionState;
using client::SyncClient;

client::ConnectOptions patient(FakeEnsemble& fake) {
  client::ConnectOptions options = fake.options();
  options.session_timeout = 60s;
  return options;
}

std::chrono::milliseconds time_of_close(FakeEnsemble& fake, SyncClient& client) {
  const auto before = fake.elapsed();
  client.close();
  CHECK(client.state() == SessionState::Closed);
  return fake.elapsed() - before;
}

}  // namespace

TEST_CASE("close: a round trip; ephemeral nodes are gone when it returns") {
  FakeEnsemble fake;
  SyncClient client(patient(fake));
  REQUIRE(client.connect().ok());
  REQUIRE(client.create("/here", "", client::CreateMode::Ephemeral).ok());
  CHECK(time_of_close(fake, client) <= 2ms);
  CHECK_FALSE(fake.get("/here").has_value());
}

TEST_CASE("close: at once while no server can be reached, also with work under way") {
  FakeEnsemble fake;
  SyncClient client(patient(fake));
  REQUIRE(client.connect().ok());
  client::SyncLeaderLatch latch(client, "/latch", "here");
  latch.start();
  REQUIRE(latch.wait(1s).ok());
  auto held = client::SyncLock(client, "/lock").acquire(1s);
  REQUIRE(held.ok());
  fake.stop();
  fake.advance(1s);
  CHECK(client.state() == SessionState::Suspended);
  held.value.release();  // Waits for a server in the background; that must not hold up the end.
  latch.stop();
  CHECK(time_of_close(fake, client) == 0ms);
}

TEST_CASE("close: before there ever was a server, and twice") {
  FakeEnsemble fake;
  fake.stop();
  client::ConnectOptions options = patient(fake);
  options.connect_timeout = 2s;
  SyncClient never(options);
  CHECK_FALSE(never.connect().ok());
  CHECK(time_of_close(fake, never) == 0ms);
  CHECK(time_of_close(fake, never) == 0ms);
  SyncClient unused(options);
  CHECK(time_of_close(fake, unused) == 0ms);
}

TEST_CASE("close: three seconds beside a server that says nothing, however long the session") {
  FakeEnsemble fake;
  SyncClient client(patient(fake));
  REQUIRE(client.connect().ok());
  fake.stall(10min);
  CHECK(time_of_close(fake, client) == 3s);
}

TEST_CASE("close: what waits in another thread ends with it") {
  FakeEnsemble fake;
  SyncClient client(patient(fake));
  REQUIRE(client.connect().ok());
  fake.stop();
  fake.advance(1s);
  std::string message;
  std::chrono::milliseconds ended{0};
  fake.start_thread([&] {
    message = client.get_data("/a").message;
    ended = fake.elapsed();
  });
  fake.advance(1s);
  CHECK(message.empty());
  const auto before = fake.elapsed();
  client.close();
  fake.advance(1s);
  CHECK(message.find("closed") != std::string::npos);
  CHECK(ended == before);
}

}  // namespace quorate::testing
