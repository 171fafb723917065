#include "server/net/clients.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>

#include "tests/unit/net/loopback.h"

namespace quorate::server {
namespace {

struct Fixture {
  asio::io_context io;
  RecordingInbox inbox;
  ClientPortConfig port;
  TlsConfig tls;
  LimitsConfig limits;
  std::unique_ptr<SocketClients> clients;

  explicit Fixture(std::int64_t threads = 0) { port.net_threads = threads; }
  void start() {
    port.address = "127.0.0.1";
    clients = std::make_unique<SocketClients>(io, port, tls, limits, inbox);
    REQUIRE_FALSE(clients->listen());
    clients->start();
  }
  template <class Condition>
  bool until(Condition condition) {
    return run_until(io, condition);
  }
};

/// The event loop alone, and threads for the sockets: every rule holds for both.
#define EACH_MODE(threads)  \
  std::int64_t threads = 0; \
  SUBCASE("one loop") {     \
    threads = 0;            \
  }                         \
  SUBCASE("two threads") {  \
    threads = 2;            \
  }                         \
  CAPTURE(threads)

}  // namespace

TEST_CASE("client: packets split anywhere arrive whole, in order, one pump per batch") {
  EACH_MODE(threads);
  Fixture f(threads);
  f.start();
  Remote remote(f.clients->port());
  const std::string all = framed("connect") + framed("") + framed("second");
  for (const char c : all.substr(0, 9)) {
    remote.send(std::string(1, c));
    f.io.poll();
  }
  remote.send(all.substr(9));
  REQUIRE(f.until([&] { return f.inbox.frames.size() == 3; }));
  CHECK(f.inbox.frames == std::vector<std::string>{"connect", "", "second"});
  REQUIRE(f.inbox.opened.size() == 1);
  CHECK(f.inbox.opened[0].second == "127.0.0.1");
  CHECK(f.inbox.pumps >= 1);
}

TEST_CASE("client: a four-letter word first is answered and the connection closed") {
  EACH_MODE(threads);
  Fixture f(threads);
  f.start();
  Remote remote(f.clients->port());
  remote.send("ruok\n");
  REQUIRE(f.until([&] { return remote.poll(); }));
  CHECK(remote.received == "imok");
  CHECK(f.inbox.opened.empty());
  CHECK(f.until([&] { return f.clients->count() == 0; }));
}

TEST_CASE("client: after the first packet a four-letter word is a length, and closes") {
  EACH_MODE(threads);
  Fixture f(threads);
  f.start();
  Remote remote(f.clients->port());
  remote.send(framed("connect") + "ruok");
  REQUIRE(f.until([&] { return remote.poll(); }));
  CHECK(remote.received.empty());
  CHECK(f.until([&] { return f.inbox.closed.size() == 1; }));
}

TEST_CASE("client: a length below zero or above the limit closes that connection only") {
  EACH_MODE(threads);
  for (const char* head : {"GET ", "\xff\xff\xff\xff", "\x7f\xff\xff\xff"}) {
    CAPTURE(head);
    Fixture f(threads);
    f.start();
    Remote other(f.clients->port());
    other.send(framed("connect"));
    REQUIRE(f.until([&] { return f.inbox.frames.size() == 1; }));
    Remote remote(f.clients->port());
    remote.send(std::string(head, 4));
    REQUIRE(f.until([&] { return remote.poll(); }));
    REQUIRE(f.until([&] { return f.clients->count() == 1; }));
    other.send(framed("still here"));
    CHECK(f.until([&] { return f.inbox.frames.size() == 2; }));
  }
}

TEST_CASE("client: answers arrive; close() lets what is queued leave first and is not reported") {
  EACH_MODE(threads);
  Fixture f(threads);
  f.start();
  Remote remote(f.clients->port());
  remote.send(framed("connect"));
  REQUIRE(f.until([&] { return f.inbox.opened.size() == 1; }));
  const ConnectionId id = f.inbox.opened[0].first;
  const std::string big(8 << 20, 'x');
  f.clients->send(id, as_bytes(big));
  f.clients->close(id);
  f.clients->flush();
  REQUIRE(f.until([&] { return remote.poll(); }));
  CHECK(remote.received == big);
  CHECK(f.inbox.closed.empty());
}

TEST_CASE("client: who does not fetch its answers is closed at the limit") {
  EACH_MODE(threads);
  Fixture f(threads);
  f.limits.client_out_bytes_max = 1 << 20;
  f.start();
  Remote remote(f.clients->port());
  remote.send(framed("connect"));
  REQUIRE(f.until([&] { return f.inbox.opened.size() == 1; }));
  const ConnectionId id = f.inbox.opened[0].first;
  const std::string megabyte(1 << 20, 'x');
  for (int i = 0; i < 64 && f.inbox.closed.empty(); ++i) {
    f.clients->send(id, as_bytes(megabyte));
    f.clients->flush();
    f.io.restart();
    f.io.poll();
  }
  CHECK(f.until([&] { return f.inbox.closed == std::vector<ConnectionId>{id}; }));
  CHECK(f.clients->count() == 0);
}

TEST_CASE("client: while paused nothing is read; resume() goes on") {
  // A thread may have read on before it hears of it; so this is the loop's alone.
  Fixture f;
  f.start();
  Remote remote(f.clients->port());
  remote.send(framed("connect"));
  REQUIRE(f.until([&] { return f.inbox.frames.size() == 1; }));
  f.clients->pause(f.inbox.opened[0].first);
  remote.send(framed("later"));
  Remote witness(f.clients->port());
  witness.send("ruok");
  REQUIRE(f.until([&] { return witness.poll(); }));
  CHECK(f.inbox.frames.size() == 1);
  f.clients->resume(f.inbox.opened[0].first);
  CHECK(f.until([&] { return f.inbox.frames.size() == 2; }));
}

TEST_CASE("client: one address may hold maxClientCnxns connections, a closed one makes room") {
  EACH_MODE(threads);
  Fixture f(threads);
  f.port.max_per_address = 2;
  f.start();
  Remote first(f.clients->port()), second(f.clients->port());
  REQUIRE(f.until([&] { return f.clients->count() == 2; }));
  Remote third(f.clients->port());
  REQUIRE(f.until([&] { return third.poll(); }));
  first.close();
  REQUIRE(f.until([&] { return f.clients->count() == 1; }));
  Remote fourth(f.clients->port());
  fourth.send(framed("connect"));
  CHECK(f.until([&] { return f.inbox.frames.size() == 1; }));
}

TEST_CASE("client: a connection that never says a whole packet is closed in time") {
  for (const char* head : {"", "ab",
                           "\x00\x00\x00\x2d"
                           "half of a handshake"}) {
    CAPTURE(head);
    Fixture f;
    f.start();
    Remote remote(f.clients->port());
    remote.send(*head == '\0' ? std::string("\0\0\0\x2dhalf", 8) : head);
    REQUIRE(f.until([&] { return f.clients->count() == 1; }));
    f.clients->sweep(1);
    CHECK(f.clients->count() == 1);
    f.clients->sweep(f.port.sessionless_timeout_ms + 2);
    CHECK(f.clients->count() == 0);
    CHECK(f.inbox.opened.empty());
    CHECK(f.inbox.closed.empty());
  }
}

TEST_CASE("client: when answers must leave first the rest of a read waits, and keeps its order") {
  EACH_MODE(threads);
  Fixture f(threads);
  f.inbox.frames_before_full = 3;
  f.start();
  Remote remote(f.clients->port());
  std::string all;
  std::vector<std::string> expected;
  for (int i = 0; i < 500; ++i) {
    expected.push_back("request " + std::to_string(i));
    all += framed(expected.back());
  }
  remote.send(all);
  REQUIRE(f.until([&] { return f.inbox.frames.size() == expected.size(); }));
  CHECK(f.inbox.frames == expected);
  CHECK(f.inbox.pumps > 100);
}

TEST_CASE("client: what has been read of one that another's requests end is dropped") {
  Fixture f;
  f.start();
  Remote first(f.clients->port());
  first.send(framed("connect"));
  REQUIRE(f.until([&] { return f.inbox.frames.size() == 1; }));
  Remote second(f.clients->port());
  second.send(framed("connect"));
  REQUIRE(f.until([&] { return f.inbox.frames.size() == 2; }));
  const ConnectionId ended = f.inbox.opened[1].first;
  f.inbox.on_pump = [&] { f.clients->close(ended); };
  // So many that the replica hears of them before the second one's turn has come.
  std::string many;
  for (int i = 0; i < 100; ++i) many += framed("one of many");
  first.send(many);
  second.send(framed("too late"));
  REQUIRE(f.until([&] { return second.poll(); }));
  REQUIRE(f.until([&] { return f.inbox.frames_of[f.inbox.opened[0].first].size() == 101; }));
  CHECK(f.inbox.frames_of[ended] == std::vector<std::string>{"connect"});
}

TEST_CASE("client: the pieces of a long packet leave those of others alone") {
  EACH_MODE(threads);
  Fixture f(threads);
  f.start();
  Remote longer(f.clients->port());
  longer.send(framed("connect"));
  REQUIRE(f.until([&] { return f.inbox.frames.size() == 1; }));
  std::vector<std::unique_ptr<Remote>> others;
  for (int i = 0; i < 20; ++i) {
    others.push_back(std::make_unique<Remote>(f.clients->port()));
    others.back()->send(framed("connect"));
  }
  REQUIRE(f.until([&] { return f.inbox.frames.size() == 21; }));
  const std::string text(300'000, 'l');
  const std::string whole = framed(text);
  std::size_t sent = 0;
  for (const auto& other : others) {
    other->send(framed("short " + std::to_string(sent)));
    const std::size_t piece = std::min(whole.size() - sent, whole.size() / 19);
    longer.send_all(std::string_view(whole).substr(sent, piece));
    sent += piece;
    f.io.restart();
    f.io.poll();
  }
  REQUIRE(f.until([&] { return f.inbox.frames.size() == 42; }));
  CHECK(f.inbox.frames_of[f.inbox.opened[0].first].back() == text);
  for (std::size_t i = 1; i < f.inbox.opened.size(); ++i) {
    CHECK(f.inbox.frames_of[f.inbox.opened[i].first].back().starts_with("short "));
  }
}

TEST_CASE("client: one that floods does not keep the others out") {
  EACH_MODE(threads);
  Fixture f(threads);
  f.start();
  Remote flood(f.clients->port());
  std::string many;
  for (int i = 0; i < 20000; ++i) many += framed("flood");
  std::thread sender([&] { flood.send_all(many); });
  Remote modest(f.clients->port());
  modest.send(framed("modest"));
  REQUIRE(f.until([&] {
    return std::find(f.inbox.frames.begin(), f.inbox.frames.end(), "modest") !=
           f.inbox.frames.end();
  }));
  REQUIRE(f.until([&] { return f.inbox.frames.size() == 20001; }));
  sender.join();
}

TEST_CASE("client: no more new sessions than connection_throttle_tokens") {
  EACH_MODE(threads);
  Fixture f(threads);
  f.port.throttle_tokens = 2;
  f.port.throttle_fill_ms = 3'600'000;
  f.start();
  Remote first(f.clients->port()), second(f.clients->port());
  first.send(framed("connect"));
  second.send(framed("connect"));
  REQUIRE(f.until([&] { return f.inbox.opened.size() == 2; }));
  Remote third(f.clients->port());
  third.send(framed("connect"));
  REQUIRE(f.until([&] { return third.poll(); }));
  CHECK(f.inbox.opened.size() == 2);
  Remote asks(f.clients->port());
  asks.send("ruok");
  REQUIRE(f.until([&] { return asks.poll(); }));
  CHECK(asks.received == "imok");
}

TEST_CASE("client: after stop_reading() nothing comes in, and what was answered still leaves") {
  EACH_MODE(threads);
  Fixture f(threads);
  f.start();
  Remote remote(f.clients->port());
  remote.send(framed("connect"));
  REQUIRE(f.until([&] { return f.inbox.opened.size() == 1; }));
  f.clients->stop_accepting();
  f.clients->stop_reading();
  remote.send(framed("too late"));
  f.clients->send(f.inbox.opened[0].first, as_bytes("answer"));
  f.clients->close_all();
  f.clients->finish();
  REQUIRE(f.until([&] {
    remote.poll();
    return remote.received == "answer";
  }));
  CHECK(f.inbox.frames.size() == 1);
}

TEST_CASE("client: both families are served, and IPv4 shows as IPv4") {
  Fixture f;
  f.clients = std::make_unique<SocketClients>(f.io, f.port, f.tls, f.limits, f.inbox);
  REQUIRE_FALSE(f.clients->listen());
  f.clients->start();
  Remote four(f.clients->port());
  four.send(framed("four"));
  REQUIRE(f.until([&] { return f.inbox.opened.size() == 1; }));
  CHECK(f.inbox.opened[0].second == "127.0.0.1");
  std::optional<Remote> six;
  try {
    six.emplace(f.clients->port(), asio::ip::address_v6::loopback());
  } catch (const boost::system::system_error&) {
    MESSAGE("no IPv6 on this machine");
    return;
  }
  six->send(framed("six"));
  REQUIRE(f.until([&] { return f.inbox.opened.size() == 2; }));
  CHECK(f.inbox.opened[1].second == "::1");
}

TEST_CASE("client: the port can move while the server runs; connections stay") {
  Fixture f;
  f.start();
  Remote before(f.clients->port());
  before.send(framed("one"));
  REQUIRE(f.until([&] { return f.inbox.frames.size() == 1; }));
  const std::uint16_t old = f.clients->port();
  const std::uint16_t fresh = free_port();
  CHECK_FALSE(f.clients->move_to("127.0.0.1", fresh));
  CHECK(f.clients->port() == fresh);
  CHECK_THROWS(Remote(old));
  Remote after(fresh);
  after.send(framed("two"));
  before.send(framed("three"));
  CHECK(f.until([&] { return f.inbox.frames.size() == 3; }));
  CHECK(f.inbox.closed.empty());
}

TEST_CASE("client: a port that cannot be opened leaves the old one as it is") {
  Fixture f;
  f.start();
  asio::io_context other;
  tcp::acceptor taken(other, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const std::uint16_t old = f.clients->port();
  CHECK(f.clients->move_to("127.0.0.1", taken.local_endpoint().port()));
  CHECK(f.clients->port() == old);
  Remote remote(old);
  remote.send(framed("one"));
  CHECK(f.until([&] { return f.inbox.frames.size() == 1; }));
}

TEST_CASE("client: the same port at another address takes the place of the first") {
  Fixture f;
  f.start();
  const std::uint16_t port = f.clients->port();
  CHECK_FALSE(f.clients->move_to("0.0.0.0", port));
  CHECK(f.clients->port() == port);
  Remote remote(port);
  remote.send(framed("one"));
  CHECK(f.until([&] { return f.inbox.frames.size() == 1; }));
}

}  // namespace quorate::server
