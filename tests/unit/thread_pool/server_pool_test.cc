#include "examples/leader_follower/thread_pool/server_pool.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "examples/leader_follower/thread_pool/frames.h"
#include "examples/leader_follower/thread_pool/load.h"
#include "examples/leader_follower/thread_pool/work.h"

using namespace thread_pool;

namespace {

constexpr auto kPatience = std::chrono::seconds(60);

const std::vector<PoolKind> kBoth = {PoolKind::LeaderFollowers, PoolKind::HalfSyncHalfAsync};

std::string echo(std::string_view request) {
  return std::string(request);
}

int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return socket;
}

/// Until the other side has closed.
std::string read_to_end(int socket) {
  std::string text;
  char buffer[4'096];
  for (ssize_t got; (got = ::recv(socket, buffer, sizeof buffer, 0)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

bool soon(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE("pool: many clients at once, every reply is the right one") {
  for (const PoolKind kind : kBoth) {
    CAPTURE(name_of(kind));
    const auto pool =
        start_pool(kind, {}, [](std::string_view request) { return work(request, 100); });
    Load load;
    load.port = pool->port();
    load.connections = 32;
    for (int i = 0; i < 7; ++i) {
      const std::string request(static_cast<std::size_t>(i) * 50, 'a');
      load.questions.emplace_back(request, work(request, 100));
    }
    Clients clients(load);
    const LoadResult result = clients.run(std::chrono::milliseconds(200));
    CHECK(result.requests > 0);
    CHECK(result.wrong == 0);
    CHECK(result.lost == 0);
    CHECK(result.p50_us > 0);
    CHECK(result.p50_us <= result.p99_us);
    CHECK(pool->requests() >= result.requests);
  }
}

TEST_CASE("pool: the replies of one connection come in the order of its requests, one at a time") {
  for (const PoolKind kind : kBoth) {
    CAPTURE(name_of(kind));
    std::atomic<int> inside{0}, most{0};
    const auto pool = start_pool(kind, {}, [&](std::string_view request) {
      most = std::max(most.load(), ++inside);
      std::string reply = work(request, 1'000) + std::string(request);
      --inside;
      return reply;
    });
    const int socket = connect_to(pool->port());
    std::string expected;
    for (int i = 0; i < 500; ++i) {
      const std::string request = std::to_string(i);
      expected += frame(work(request, 1'000) + request);
      REQUIRE(send_all(socket, frame(request), 1'000));
    }
    ::shutdown(socket, SHUT_WR);  // Replies still come after this.
    CHECK(read_to_end(socket) == expected);
    CHECK(most == 1);
    ::close(socket);
  }
}

TEST_CASE("pool: while one thread works the others serve") {
  for (const PoolKind kind : kBoth) {
    CAPTURE(name_of(kind));
    std::mutex mutex;
    std::condition_variable changed;
    bool slow_began = false, open = false;
    PoolOptions options;
    options.threads = 3;  // Of a half-sync/half-async pool two work.
    const auto pool = start_pool(kind, options, [&](std::string_view request) {
      if (request == "slow") {
        std::unique_lock lock(mutex);
        slow_began = true;
        changed.notify_all();
        changed.wait_for(lock, kPatience, [&] { return open; });
      }
      return echo(request);
    });
    std::thread slow([&] {
      Caller caller;
      CHECK(caller.connect("127.0.0.1", pool->port()));
      CHECK(caller.call("slow") == "slow");
    });
    {
      std::unique_lock lock(mutex);
      CHECK(changed.wait_for(lock, kPatience, [&] { return slow_began; }));
    }
    Caller quick;
    REQUIRE(quick.connect("127.0.0.1", pool->port()));
    for (int i = 0; i < 100; ++i) CHECK(quick.call("quick") == "quick");
    {
      const std::lock_guard lock(mutex);
      open = true;
    }
    changed.notify_all();
    slow.join();
  }
}

TEST_CASE("pool: a connection that breaks the rules is closed, the others are not") {
  for (const PoolKind kind : kBoth) {
    CAPTURE(name_of(kind));
    PoolOptions options;
    options.frame_bytes_max = 100;
    const auto pool = start_pool(kind, options, echo);
    Caller good;
    REQUIRE(good.connect("127.0.0.1", pool->port()));
    CHECK(good.call("1") == "1");
    const int bad = connect_to(pool->port());
    REQUIRE(send_all(bad, frame("first") + frame(std::string(101, 'x')), 1'000));
    CHECK(read_to_end(bad) == frame("first"));
    ::close(bad);
    CHECK(good.call(std::string(100, 'y')) == std::string(100, 'y'));
  }
}

TEST_CASE("pool: one connection too many is closed and counted; a place that is given up is free") {
  for (const PoolKind kind : kBoth) {
    CAPTURE(name_of(kind));
    PoolOptions options;
    options.connections_max = 2;
    const auto pool = start_pool(kind, options, echo);
    Caller one, two;
    REQUIRE(one.connect("127.0.0.1", pool->port()));
    REQUIRE(two.connect("127.0.0.1", pool->port()));
    CHECK(one.call("1") == "1");
    CHECK(two.call("2") == "2");
    const int three = connect_to(pool->port());
    CHECK(read_to_end(three).empty());
    ::close(three);
    CHECK(pool->refused_connections() == 1);
    two.close();
    CHECK(soon([&] {
      Caller again;
      return again.connect("127.0.0.1", pool->port()) && again.call("3") == "3";
    }));
  }
}

TEST_CASE("pool: a queue that is full holds the reader back, and every request is answered") {
  PoolOptions options;
  options.threads = 2;
  options.queue_max = 1;
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  const auto pool = start_pool(PoolKind::HalfSyncHalfAsync, options, [&](std::string_view request) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, kPatience, [&] { return open; });
    return echo(request);
  });
  std::vector<int> sockets;
  for (int i = 0; i < 4; ++i) {
    sockets.push_back(connect_to(pool->port()));
    REQUIRE(send_all(sockets.back(), frame(std::to_string(i)), 1'000));
    ::shutdown(sockets.back(), SHUT_WR);
  }
  CHECK(soon([&] { return pool->queue_waits() > 0; }));
  {
    const std::lock_guard lock(mutex);
    open = true;
  }
  changed.notify_all();
  for (int i = 0; i < 4; ++i) {
    CHECK(read_to_end(sockets[static_cast<std::size_t>(i)]) == frame(std::to_string(i)));
    ::close(sockets[static_cast<std::size_t>(i)]);
  }
}

TEST_CASE("pool: ends with connections open and requests under way") {
  for (const PoolKind kind : kBoth) {
    CAPTURE(name_of(kind));
    auto pool =
        start_pool(kind, {}, [](std::string_view request) { return work(request, 10'000); });
    std::vector<int> sockets;
    for (int i = 0; i < 8; ++i) {
      sockets.push_back(connect_to(pool->port()));
      for (int n = 0; n < 50; ++n) send_all(sockets.back(), frame("x"), 1'000);
    }
    CHECK(soon([&] { return pool->requests() > 0; }));
    pool.reset();
    for (const int socket : sockets) ::close(socket);
  }
}

TEST_CASE("pool: a port that is taken is an error that says so") {
  const auto pool = start_pool(PoolKind::LeaderFollowers, {}, echo);
  PoolOptions options;
  options.port = pool->port();
  for (const PoolKind kind : kBoth)
    CHECK_THROWS_AS(start_pool(kind, options, echo), std::system_error);
}

TEST_CASE("percentile: the sample of that rank") {
  std::vector<std::uint32_t> samples;
  for (std::uint32_t i = 100; i > 0; --i) samples.push_back(i * 1'000);
  CHECK(percentile_us(samples, 50) == 51.0);
  CHECK(percentile_us(samples, 99) == 100.0);
  CHECK(percentile_us(samples, 0) == 1.0);
  std::vector<std::uint32_t> none;
  CHECK(percentile_us(none, 50) == 0.0);
}
