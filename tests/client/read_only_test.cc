// A server without a quorum: tests/e2e/client_read_only_test.py makes one, and heals it when asked
// to.
#include <fstream>

#include "tests/client/live.h"

using namespace quorate;
using namespace quorate::client;
using namespace quorate::client::live;

TEST_CASE("read-only: reads are answered, writes refused; a quorum is found by itself") {
  const std::string signal = setting("heal-file");
  if (signal.empty()) return;
  ConnectOptions with = options();
  with.connect_timeout = 1s;
  {
    SyncClient refused(with);
    CHECK_FALSE(refused.connect().ok());
  }
  with.read_only = true;
  with.connect_timeout = 20s;
  SyncClient client(with);
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> states;
  client.add_session_listener([&](const SessionEvent& event) {
    const std::lock_guard lock(mutex);
    states.push_back(name_of(event.state));
    changed.notify_all();
  });
  const auto connected = client.connect();
  REQUIRE_MESSAGE(connected.ok(), connected.message);
  CHECK(client.state() == SessionState::ReadOnly);
  Events config;
  CHECK(client.get_children("/", config.callback()).ok());
  CHECK(client.create("/new", "").code == Code::NotReadOnly);
  const SessionId local = client.session_id();

  std::ofstream(signal) << "heal\n";
  std::unique_lock lock(mutex);
  changed.wait_for(lock, 30s, [&] { return !states.empty() && states.back() == "connected"; });
  CHECK(states.front() == "read only");
  REQUIRE(states.back() == "connected");
  lock.unlock();
  CHECK(client.session_id() != local);
  CHECK(client.create("/new", "", CreateMode::Ephemeral).ok());
  CHECK(config.first(1) ==
        std::vector<std::string>{"NodeChildrenChanged /"});  // The watch came along.
  client.close();
}
