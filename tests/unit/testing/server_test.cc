#include "quorate/testing/server.h"

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "quorate/client.h"
#include "quorate/sync_client.h"
#include "tests/support/temporary_folder.h"

namespace quorate::testing {
namespace {

using namespace std::chrono_literals;
using client::ConnectOptions;
using client::CreateMode;
using client::SessionEvent;
using client::SessionState;
using client::SyncClient;

constexpr auto kPatience = 60s;

/// The states that a client has been through; waits for one.
class States {
 public:
  explicit States(SyncClient& client) {
    client.add_session_listener([kept = kept_](const SessionEvent& event) {
      const std::lock_guard lock(kept->mutex);
      kept->seen.push_back(event.state);
      kept->changed.notify_all();
    });
  }

  bool reach(SessionState state) {
    std::unique_lock lock(kept_->mutex);
    return kept_->changed.wait_for(lock, kPatience, [&] {
      return std::find(kept_->seen.begin(), kept_->seen.end(), state) != kept_->seen.end();
    });
  }

 private:
  struct Kept {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<SessionState> seen;
  };
  std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();
};

ConnectOptions to(const Server& server) {
  ConnectOptions options(server.connect_string());
  options.connect_timeout = kPatience;
  options.session_timeout = 30s;
  return options;
}

void connect(SyncClient& client) {
  const auto connected = client.connect();
  REQUIRE_MESSAGE(connected.ok(), connected.message);
}

/// Whether somebody who does not share it may have the port.
bool free_for_others(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int result = ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::close(socket);
  return result == 0;
}

/// Why a server with these options cannot be made.
std::string refusal(const ServerOptions& options) {
  try {
    const Server server(options);
    return "";
  } catch (const ServerError& error) {
    return error.what();
  }
}

TEST_CASE("two servers of one process have trees of their own, for either client") {
  Server one, two;
  CHECK(one.port() != two.port());

  SyncClient first(to(one));
  connect(first);
  CHECK(first.create("/only-here", "1").ok());

  boost::asio::io_context loop(1);
  client::Client second(loop.get_executor(), to(two));
  ErrorCode there;
  second.async_connect([&](ErrorCode error, const client::ConnectReport&) {
    REQUIRE_FALSE(error);
    second.async_exists("/only-here", [&](ErrorCode absent, const Stat&) {
      there = absent;
      second.async_close([](ErrorCode) {});
    });
  });
  loop.run();
  CHECK(there == ErrorCode(Code::NoNode));
  first.close();
}

TEST_CASE("restart: the session goes on, with its nodes and on the same port") {
  Server server;
  const std::string where = server.connect_string();
  SyncClient client(to(server));
  States states(client);
  connect(client);
  const SessionId session = client.session_id();
  REQUIRE(client.create("/kept", "data").ok());
  REQUIRE(client.create("/mine", "", CreateMode::Ephemeral).ok());

  server.restart();

  CHECK(server.connect_string() == where);
  REQUIRE(states.reach(SessionState::Reconnected));
  CHECK(client.session_id() == session);
  const auto kept = client.get_data("/kept");
  REQUIRE_MESSAGE(kept.ok(), kept.message);
  CHECK(kept.value.data == "data");
  const auto mine = client.exists("/mine");
  REQUIRE_MESSAGE(mine.ok(), mine.message);
  CHECK(mine.value.ephemeral_owner == session.value);
  client.close();
}

TEST_CASE("kill: what was acknowledged is there after the next start, and the session is") {
  Server server;
  SyncClient client(to(server));
  States states(client);
  connect(client);
  constexpr int kNodes = 50;
  for (int i = 0; i < kNodes; ++i) REQUIRE(client.create("/n" + std::to_string(i), "x").ok());

  server.kill();
  CHECK_FALSE(server.running());
  REQUIRE(states.reach(SessionState::Suspended));
  server.start();

  REQUIRE(states.reach(SessionState::Reconnected));
  const auto all = client.get_children("/");
  REQUIRE_MESSAGE(all.ok(), all.message);
  CHECK(all.value.children.size() == kNodes + 1);  // And /zookeeper.
  client.close();
}

TEST_CASE("a client that comes while its server is down is served when that starts") {
  Server server;
  server.stop();
  CHECK_FALSE(server.running());
  CHECK_FALSE(free_for_others(server.port()));
  SyncClient client(to(server));
  States states(client);
  server.start();
  connect(client);
  CHECK(server.running());
  client.close();
}

TEST_CASE("expire_session: the client is told, and its ephemeral nodes are gone") {
  Server server;
  SyncClient other(to(server)), client(to(server));
  connect(other);
  connect(client);
  States states(client);
  REQUIRE(client.create("/mine", "", CreateMode::Ephemeral).ok());
  const SessionId session = client.session_id();

  CHECK(server.expire_session(session));
  CHECK(other.exists("/mine").code == Code::NoNode);
  CHECK(states.reach(SessionState::Expired));
  CHECK(client.exists("/").code == Code::SessionExpired);

  CHECK_FALSE(server.expire_session(session));
  CHECK_FALSE(server.expire_session(SessionId{4711}));
  server.stop();
  CHECK_FALSE(server.expire_session(other.session_id()));
}

TEST_CASE("options: a data folder that is given stays; jute.maxbuffer; further keys") {
  test::TemporaryFolder folder;
  ServerOptions options;
  options.data_dir = folder.path();
  options.request_bytes_max = 4 << 20;
  options.settings["4lw.commands.whitelist"] = "ruok";
  ConnectOptions wide;
  {
    Server server(options);
    CHECK(server.data_dir() == folder.path());
    wide = to(server);
    wide.request_bytes_max = options.request_bytes_max;
    SyncClient client(wide);
    connect(client);
    const auto made = client.create("/wide", std::string(2 << 20, 'x'));
    CHECK_MESSAGE(made.ok(), made.message);
    client.close();
  }
  Server again(options);
  SyncClient client(to(again));
  connect(client);
  const auto found = client.exists("/wide");
  REQUIRE_MESSAGE(found.ok(), found.message);
  CHECK(found.value.data_length == 2 << 20);
  client.close();
}

TEST_CASE("a temporary folder goes with its server") {
  std::string folder;
  {
    Server server;
    folder = server.data_dir();
    CHECK(std::filesystem::is_directory(folder));
  }
  CHECK_FALSE(std::filesystem::exists(folder));
}

TEST_CASE("a server that cannot start says why") {
  ServerOptions misspelt;
  misspelt.settings["tickTime"] = "soon";
  CHECK(refusal(misspelt).find("tickTime") != std::string::npos);

  Server server;
  ServerOptions same_folder;
  same_folder.data_dir = server.data_dir();
  CHECK(refusal(same_folder).find("in use") != std::string::npos);
  ServerOptions same_port;
  same_port.port = server.port();
  CHECK(refusal(same_port).find(std::to_string(server.port())) != std::string::npos);

  ServerOptions ensemble;
  ensemble.settings["server.1"] = "127.0.0.1:1:2";
  ensemble.settings["server.2"] = "127.0.0.1:3:4";
  CHECK_FALSE(refusal(ensemble).empty());
  CHECK_THROWS_AS(Server::log_to("-"), std::logic_error);
}

TEST_CASE("the process keeps its signals") {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) {
    CAPTURE(signal);
    struct sigaction before {};
    struct sigaction during {};
    struct sigaction after {};
    ::sigaction(signal, nullptr, &before);
    {
      Server server;
      ::sigaction(signal, nullptr, &during);
    }
    ::sigaction(signal, nullptr, &after);
    const bool kept =
        during.sa_handler == before.sa_handler && after.sa_handler == before.sa_handler;
    CHECK(kept);
  }
  CHECK(::alarm(0) == 0);
}

}  // namespace
}  // namespace quorate::testing
