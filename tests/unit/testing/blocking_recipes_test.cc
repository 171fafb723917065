// The blocking faces of recipes that go on by themselves, on a server that comes and goes.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "quorate/recipes/sync_cache.h"
#include "quorate/recipes/sync_group.h"
#include "quorate/recipes/sync_lock.h"
#include "quorate/sync_client.h"
#include "quorate/sync_retry.h"
#include "quorate/testing/server.h"

namespace quorate::client {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;

struct Connection : SyncClient {
  explicit Connection(const testing::Server& server) : SyncClient(options_of(server)) {
    const auto connected = connect();
    REQUIRE_MESSAGE(connected.ok(), connected.message);
  }
  ~Connection() { close(); }

  static ConnectOptions options_of(const testing::Server& server) {
    ConnectOptions options(server.connect_string());
    options.connect_timeout = kPatience;
    options.session_timeout = 30s;
    return options;
  }
};

/// For what is told to nobody.
bool soon(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

/// What was told, in order. Copies are one, because listeners may outlive a test's locals.
class Told {
 public:
  void add(const std::string& what) const {
    const std::lock_guard lock(kept_->mutex);
    kept_->all.push_back(what);
    kept_->changed.notify_all();
  }
  /// Waits until `what` has been told `times` times.
  bool has(const std::string& what, int times = 1) const {
    std::unique_lock lock(kept_->mutex);
    return kept_->changed.wait_for(lock, kPatience, [&] {
      int found = 0;
      for (const std::string& one : kept_->all) found += one == what;
      return found >= times;
    });
  }

 private:
  struct Kept {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::string> all;
  };
  std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();
};

TEST_CASE("latch: one leads, the other waits for its time limit; stop hands over") {
  testing::Server server;
  Connection here(server), there(server);
  SyncLeaderLatch first(here, "/latch", "here"), second(there, "/latch", "there");
  first.start();
  const auto term = first.wait(kPatience);
  REQUIRE_MESSAGE(term.ok(), term.message);
  CHECK(first.leads());
  CHECK(first.term() == term.value);

  second.start();
  CHECK(second.wait(100ms).code == Code::RequestTimeout);
  CHECK_FALSE(second.leads());
  CHECK(second.term() == 0);

  first.stop();
  const auto next = second.wait(kPatience);
  REQUIRE_MESSAGE(next.ok(), next.message);
  CHECK(next.value > term.value);
}

TEST_CASE("latch: leads no more while the server is away, and again under a new term") {
  testing::Server server;
  Connection client(server);
  const Told told;
  SyncLeaderLatch latch(client, "/latch", "me", [told](bool leads, std::int64_t) {
    told.add(leads ? "leads" : "does not");
  });
  latch.start();
  const auto term = latch.wait(kPatience);
  REQUIRE_MESSAGE(term.ok(), term.message);
  server.kill();
  REQUIRE(told.has("does not"));
  CHECK_FALSE(latch.leads());
  server.start();
  REQUIRE(told.has("leads", 2));
  CHECK(latch.term() > term.value);
}

TEST_CASE("latch: with its session it ends") {
  testing::Server server;
  Connection client(server);
  SyncLeaderLatch latch(client, "/latch", "me");
  latch.start();
  REQUIRE(latch.wait(kPatience).ok());
  REQUIRE(server.expire_session(client.session_id()));
  CHECK(soon([&] { return !latch.leads(); }));
  CHECK(latch.wait(kPatience).code == Code::SessionExpired);
}

TEST_CASE("selector: the task has a thread of its own, may block, and stop() waits for it") {
  testing::Server server;
  Connection client(server);
  const Told told;
  std::atomic<bool> ended{false};
  SyncLeaderSelector selector(client, "/selector", "me", [&, told](const Leadership& leadership) {
    // A blocking call would never return on the client's own thread.
    const bool made = client.create("/of-term", std::to_string(leadership.term())).ok();
    told.add(made ? "works" : "cannot work");
    while (leadership.valid()) std::this_thread::yield();
    ended = true;
  });
  selector.start();
  REQUIRE(told.has("works"));
  CHECK_FALSE(ended);
  selector.stop();
  CHECK(ended);
}

TEST_CASE("selector: the task is told when the session is suspended, and runs again later") {
  testing::Server server;
  Connection client(server);
  const Told told;
  SyncLeaderSelector selector(client, "/selector", "me", [told](const Leadership& leadership) {
    told.add("begins");
    leadership.on_invalid([told] { told.add("invalid"); });
    told.has("invalid");
    told.add(leadership.valid() ? "still valid" : "ends");
  });
  selector.start();
  REQUIRE(told.has("begins"));
  server.kill();
  REQUIRE(told.has("ends"));
  server.start();
  CHECK(told.has("begins", 2));
}

TEST_CASE("selector: without requeue one term is all") {
  testing::Server server;
  Connection here(server), there(server);
  const Told told;
  SyncLeaderSelector once(
      here, "/selector", "here", [told](const Leadership&) { told.add("here"); }, /*priority=*/0,
      /*requeue=*/false);
  once.start();
  REQUIRE(told.has("here"));
  SyncElection election(there, "/selector", "there");
  const auto term = election.lead(kPatience);
  CHECK_MESSAGE(term.ok(), term.message);
}

TEST_CASE("ephemeral node: there, with the latest data, after a deletion and a restart") {
  testing::Server server;
  Connection client(server), other(server);
  SyncEphemeralNode node(client, "/signs/me", "one");
  CHECK_FALSE(node.present());
  REQUIRE(node.wait(kPatience).ok());
  CHECK(node.present());
  CHECK(other.get_data("/signs/me").value.data == "one");

  node.set_data("two");
  REQUIRE(node.wait(kPatience).ok());
  CHECK(other.get_data("/signs/me").value.data == "two");

  const Told told;
  REQUIRE(other.remove("/signs/me").ok());
  const auto gone = other.exists("/signs/me", [told](const WatchEvent&) { told.add("changed"); });
  if (!gone) {
    REQUIRE(told.has("changed"));
  }
  CHECK(other.get_data("/signs/me").value.data == "two");

  server.restart();
  REQUIRE(node.wait(kPatience).ok());
  const auto owned = other.exists("/signs/me");
  REQUIRE_MESSAGE(owned.ok(), owned.message);
  CHECK(owned.value.ephemeral_owner == client.session_id().value);
}

TEST_CASE("ephemeral node: waits in vain for what another session has, until its time limit") {
  testing::Server server;
  Connection client(server), other(server);
  REQUIRE(other.create("/taken", "theirs", CreateMode::Ephemeral).ok());
  SyncEphemeralNode node(client, "/taken", "ours");
  CHECK(node.wait(100ms).code == Code::RequestTimeout);
  CHECK_FALSE(node.present());
  REQUIRE(server.expire_session(other.session_id()));
  CHECK(node.wait(kPatience).ok());
}

TEST_CASE("node cache: follows, answers what it knew while the server is away, catches up") {
  testing::Server server;
  Connection client(server), other(server);
  const Told told;
  SyncNodeCache cache(client, "/node", [told](const CachedNode& node) {
    told.add(node.exists ? node.data : "none");
  });
  REQUIRE(told.has("none"));
  CHECK(cache.fresh());
  CHECK_FALSE(cache.value().exists);
  REQUIRE(other.create("/node", "one").ok());
  REQUIRE(told.has("one"));

  client.add_session_listener([told](const SessionEvent& event) {
    if (event.state == SessionState::Suspended) told.add("suspended");
  });
  server.kill();
  REQUIRE(told.has("suspended"));
  CHECK_FALSE(cache.fresh());
  CHECK(cache.value().data == "one");
  server.start();
  const auto written = SyncRetry(other).set_data("/node", "two");
  REQUIRE_MESSAGE(written.ok(), written.message);
  REQUIRE(told.has("two"));
  CHECK(cache.value().stat.version == 1);
}

TEST_CASE("tree cache: the whole tree, and the differences of a gap") {
  testing::Server server;
  Connection client(server), other(server);
  REQUIRE(other.create("/tree", "root").ok());
  REQUIRE(other.create("/tree/a", "1").ok());
  const Told told;
  SyncTreeCache cache(client, "/tree", [told](const TreeEvent& event) {
    if (event.type == TreeEvent::Type::Loaded) told.add("loaded");
    if (event.type == TreeEvent::Type::Added) told.add("added " + event.path);
    if (event.type == TreeEvent::Type::Removed) told.add("removed " + event.path);
  });
  REQUIRE(cache.wait(kPatience).ok());
  CHECK(cache.snapshot().size() == 2);
  CHECK(cache.value("/tree/a").data == "1");

  server.restart();
  REQUIRE(SyncRetry(other).remove("/tree/a").ok());
  REQUIRE(SyncRetry(other).create("/tree/b", "2").ok());
  REQUIRE(told.has("removed /tree/a"));
  REQUIRE(told.has("added /tree/b"));
  REQUIRE(told.has("loaded", 2));
  CHECK(cache.children("/tree") == std::vector<std::string>{"b"});
  CHECK_FALSE(cache.value("/tree/a").exists);
}

TEST_CASE("pushed configuration: what was accepted last stays while the server is away") {
  testing::Server server;
  Connection client(server);
  const Told told;
  SyncPushedConfig config(client, "/config", [told](const ConfigSnapshot& seen) {
    told.add(seen.text);
    return seen.text != "bad";
  });
  const auto first = config.publish("good", -1);
  REQUIRE_MESSAGE(first.ok(), first.message);
  REQUIRE(told.has("good"));
  REQUIRE(config.publish("bad", first.value).ok());
  REQUIRE(told.has("bad"));
  CHECK(config.publish("late", first.value).code == Code::BadVersion);
  server.stop();
  CHECK(config.current().text == "good");
  CHECK(config.stale());
}

TEST_CASE("semaphore, multi-lock, reentrant lock: the time limit of the blocking faces") {
  testing::Server server;
  Connection here(server), there(server);
  SyncSemaphore semaphore(here, "/semaphore", 1);
  auto lease = semaphore.acquire(kPatience);
  REQUIRE_MESSAGE(lease.ok(), lease.message);
  CHECK(semaphore.acquire(100ms).code == Code::RequestTimeout);

  SyncMultiLock both(here, {"/lock-b", "/lock-a"});
  SyncLock one(there, "/lock-a");
  auto held = one.acquire(kPatience);
  REQUIRE_MESSAGE(held.ok(), held.message);
  CHECK(both.acquire(100ms).code == Code::RequestTimeout);
  held.value.release();
  const auto all = both.acquire(kPatience);
  REQUIRE_MESSAGE(all.ok(), all.message);
  CHECK(all.value.tokens().size() == 2);

  SyncReentrantLock again(here, "/reentrant"), theirs(there, "/reentrant");
  const auto outer = again.acquire(kPatience);
  REQUIRE_MESSAGE(outer.ok(), outer.message);
  const auto inner = again.acquire(kPatience);
  REQUIRE_MESSAGE(inner.ok(), inner.message);
  CHECK(inner.value.token() == outer.value.token());
  CHECK(theirs.acquire(100ms).code == Code::RequestTimeout);
}

}  // namespace
}  // namespace quorate::client
