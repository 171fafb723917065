// Hosts by IPv6 address and by name: all addresses of a name are tried, and it is asked for anew.
#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "client-lib/src/asio_runtime.h"
#include "quorate/sync_client.h"
#include "quorate/testing/server.h"

namespace quorate::client {
namespace {

using namespace std::chrono_literals;
using Tcp = boost::asio::ip::tcp;

constexpr auto kPatience = 60s;

Tcp::endpoint endpoint(const char* address, std::uint16_t port) {
  return {boost::asio::ip::make_address(address), port};
}

/// What a name means, until it means something else.
class Names {
 public:
  void mean(Addresses addresses) {
    const std::lock_guard lock(mutex_);
    meaning_ = std::move(addresses);
  }
  int asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  /// Called when it was asked for `asked` times, on the client's thread.
  void when_asked(int asked, std::function<void()> action) {
    const std::lock_guard lock(mutex_);
    at_ = asked;
    action_ = std::move(action);
  }

  static std::shared_ptr<Runtime> runtime(const std::shared_ptr<Names>& names) {
    return std::make_shared<AsioRuntime>(
        [names](const Host& host, const std::function<void(ErrorCode, Addresses)>& found) {
          CHECK(host.name == "zoo.example");
          names->answer(found);
        });
  }

 private:
  void answer(const std::function<void(ErrorCode, Addresses)>& found) {
    std::function<void()> action;
    Addresses meaning;
    {
      const std::lock_guard lock(mutex_);
      if (++asked_ == at_) action = std::move(action_);
    }
    if (action) action();
    {
      const std::lock_guard lock(mutex_);
      meaning = meaning_;
    }
    ErrorCode error;
    if (meaning.empty()) error = boost::asio::error::host_not_found;
    found(error, std::move(meaning));
  }

  mutable std::mutex mutex_;  ///< The client's thread asks.
  Addresses meaning_;
  int asked_ = 0, at_ = 0;
  std::function<void()> action_;
};

ConnectOptions by_name(const std::shared_ptr<Names>& names) {
  ConnectOptions options("zoo.example:2181");
  options.runtime = Names::runtime(names);
  options.connect_timeout = kPatience;
  options.session_timeout = 30s;
  return options;
}

bool has_ipv6() {
  boost::asio::io_context io;
  Tcp::acceptor acceptor(io);
  boost::system::error_code error;
  acceptor.open(Tcp::v6(), error);
  if (!error) acceptor.bind(endpoint("::1", 0), error);
  return !error;
}

TEST_CASE("host: an IPv6 address in brackets") {
  if (!has_ipv6()) {
    MESSAGE("skipped: no IPv6 on this machine");
    return;
  }
  testing::ServerOptions on_six;
  on_six.settings["clientPortAddress"] = "::1";
  testing::Server server(on_six);
  const std::string host = "[::1]:" + std::to_string(server.port());
  ConnectOptions options(host + "/top");
  options.connect_timeout = kPatience;
  SyncClient client(options);
  const auto connected = client.connect();
  REQUIRE_MESSAGE(connected.ok(), connected.message);
  CHECK(connected.value.server == host);
  CHECK(client.exists("/a").code == Code::NoNode);
}

TEST_CASE("host: all addresses of a name are tried, in any order, before another try is due") {
  testing::Server server;
  const auto names = std::make_shared<Names>();
  names->mean({endpoint("127.0.0.2", server.port()), endpoint("127.0.0.1", server.port()),
               endpoint("127.0.0.3", server.port())});
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    ConnectOptions options = by_name(names);
    options.seed = seed;
    SyncClient client(options);
    const auto connected = client.connect();
    REQUIRE_MESSAGE(connected.ok(), connected.message);
    CHECK(connected.value.failures.empty());
    CHECK(connected.value.server == "zoo.example:2181");
    client.close();
  }
  CHECK(names->asked() == 6);
}

TEST_CASE("host: a name is asked for anew at each try: it may be known later, and move") {
  testing::Server server;
  const auto names = std::make_shared<Names>();
  SyncClient client(by_name(names));
  // Unknown, then where nobody listens, then where the server is.
  const std::function<void()> move = [&] { names->mean({endpoint("127.0.0.1", server.port())}); };
  names->when_asked(2, [&, move] {
    names->mean({endpoint("127.0.0.2", server.port())});
    names->when_asked(3, move);
  });
  const auto connected = client.connect();
  REQUIRE_MESSAGE(connected.ok(), connected.message);
  REQUIRE(connected.value.failures.size() == 1);
  const int asked = names->asked();
  CHECK(asked == 3);
  server.restart();
  const auto found = client.with_timeout(kPatience).exists("/");
  CHECK((found.ok() || found.code == Code::ConnectionLoss));
  CHECK(client.with_timeout(kPatience).exists("/").ok());
  CHECK(names->asked() > asked);
  client.close();
}

TEST_CASE("host: a name that nobody knows is reported so") {
  const auto names = std::make_shared<Names>();
  ConnectOptions options = by_name(names);
  options.connect_timeout = 300ms;
  SyncClient client(options);
  const auto connected = client.connect();
  CHECK_FALSE(connected.ok());
  REQUIRE(connected.value.failures.size() == 1);
  CHECK(connected.value.failures[0].first == "zoo.example:2181");
  CHECK(connected.value.failures[0].second.find("Host not found") != std::string::npos);
}

}  // namespace
}  // namespace quorate::client
