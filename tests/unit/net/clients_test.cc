#include "server/net/clients.h"

#include <doctest/doctest.h>

#include <memory>

#include "tests/unit/net/loopback.h"

namespace quorate::server {
namespace {

struct Fixture {
  asio::io_context io;
  RecordingInbox inbox;
  ClientPortConfig port;
  LimitsConfig limits;
  std::unique_ptr<SocketClients> clients;

  void start() {
    port.address = "127.0.0.1";
    clients = std::make_unique<SocketClients>(io, port, limits, inbox);
    REQUIRE_FALSE(clients->listen());
    clients->start();
  }
  template <class Condition>
  bool until(Condition condition) {
    return run_until(io, condition);
  }
};

}  // namespace

TEST_CASE("client: packets split anywhere arrive whole, in order, one pump per batch") {
  Fixture f;
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
  Fixture f;
  f.start();
  Remote remote(f.clients->port());
  remote.send("ruok\n");
  REQUIRE(f.until([&] { return remote.poll(); }));
  CHECK(remote.received == "imok");
  CHECK(f.inbox.opened.empty());
  CHECK(f.clients->count() == 0);
}

TEST_CASE("client: after the first packet a four-letter word is a length, and closes") {
  Fixture f;
  f.start();
  Remote remote(f.clients->port());
  remote.send(framed("connect") + "ruok");
  REQUIRE(f.until([&] { return remote.poll(); }));
  CHECK(remote.received.empty());
  CHECK(f.inbox.closed.size() == 1);
}

TEST_CASE("client: a length below zero or above the limit closes that connection only") {
  for (const char* head : {"GET ", "\xff\xff\xff\xff", "\x7f\xff\xff\xff"}) {
    CAPTURE(head);
    Fixture f;
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
  Fixture f;
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
  Fixture f;
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
  CHECK(f.inbox.closed == std::vector<ConnectionId>{id});
  CHECK(f.clients->count() == 0);
}

TEST_CASE("client: while paused nothing is read; resume() goes on") {
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
  Fixture f;
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

TEST_CASE("client: a connection that never says four bytes is closed in time") {
  Fixture f;
  f.start();
  Remote remote(f.clients->port());
  remote.send("ab");
  REQUIRE(f.until([&] { return f.clients->count() == 1; }));
  f.clients->sweep(1);
  CHECK(f.clients->count() == 1);
  f.clients->sweep(f.port.sessionless_timeout_ms + 2);
  CHECK(f.clients->count() == 0);
  CHECK(f.inbox.closed.empty());
}

}  // namespace quorate::server
