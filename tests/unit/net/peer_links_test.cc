#include "server/net/peer_links.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>

#include "consensus/codec.h"
#include "tests/unit/net/loopback.h"
#include "tests/unit/sasl/fake_sasl.h"

namespace quorate::server {
namespace {

/// Servers 1 and 2 on one loop, each with its own inbox.
struct Pair {
  asio::io_context io;
  RecordingInbox inbox[2];
  std::uint16_t ports[2] = {free_port(), free_port()};
  std::unique_ptr<PeerLinks> links[2];
  std::size_t out_bytes_max = 64u << 20;
  PeerSasl sasl[2];

  void start(int index) {
    PeerLinkOptions options;
    options.self = ServerId{index + 1};
    options.ensemble = consensus::Ensemble({{ServerId{1}, "127.0.0.1", ports[0], 1, false, ""},
                                            {ServerId{2}, "127.0.0.1", ports[1], 1, false, ""}});
    options.listen_address = "127.0.0.1";
    options.listen_port = ports[index];
    options.out_bytes_max = out_bytes_max;
    options.sasl = sasl[index];
    links[index] = std::make_unique<PeerLinks>(io, options, inbox[index]);
    REQUIRE_FALSE(links[index]->listen());
    links[index]->start();
  }
  template <class Condition>
  bool until(Condition condition) {
    return run_until(io, condition);
  }
};

consensus::QuorumPacket ping() {
  return {consensus::PacketType::Ping, Zxid{7}, {}, {}};
}

}  // namespace

TEST_CASE("quorum link: open() names the peer on this side, none on the other; packets arrive") {
  Pair pair;
  pair.start(0);
  pair.start(1);
  pair.links[0]->open(ServerId{2});
  REQUIRE(pair.until([&] { return pair.inbox[0].up.size() == 1 && pair.inbox[1].up.size() == 1; }));
  CHECK(pair.inbox[0].up[0].second == ServerId{2});
  CHECK_FALSE(pair.inbox[1].up[0].second.has_value());
  pair.links[0]->send(pair.inbox[0].up[0].first, ping());
  pair.links[0]->send_raw(pair.inbox[0].up[0].first, SharedBytes(Bytes(3)));
  pair.links[0]->flush();
  Bytes expected;
  consensus::encode(expected, ping());
  expected.resize(expected.size() + 3);
  const LinkId accepted = pair.inbox[1].up[0].first;
  REQUIRE(pair.until([&] { return pair.inbox[1].bytes_of[accepted].size() == expected.size(); }));
  CHECK(pair.inbox[1].bytes_of[accepted] == as_text(expected));
}

TEST_CASE("quorum link: a packet is one turn of the loop of the side that has dialled") {
  Pair pair;
  pair.start(0);
  pair.start(1);
  pair.links[0]->open(ServerId{2});
  REQUIRE(pair.until([&] { return pair.inbox[0].up.size() == 1 && pair.inbox[1].up.size() == 1; }));
  const auto turns = [&pair] {
    std::size_t all = 0;
    while (const std::size_t some = pair.io.poll()) all += some;
    return all;
  };
  pair.io.restart();
  turns();
  const LinkId dialled = pair.inbox[0].up[0].first;
  for (std::size_t packets = 1; packets <= 3; ++packets) {
    const std::size_t before = pair.inbox[0].bytes_of[dialled].size();
    pair.links[1]->send(pair.inbox[1].up[0].first, ping());
    pair.links[1]->flush();
    std::size_t all = turns();
    if (pair.inbox[0].bytes_of[dialled].size() == before) {
      REQUIRE(pair.until([&] { return pair.inbox[0].bytes_of[dialled].size() > before; }));
      all = 1 + turns();
    }
    CHECK(all == 1);
  }
}

TEST_CASE("quorum link: open() goes on until the other side listens") {
  Pair pair;
  pair.start(0);
  pair.links[0]->open(ServerId{2});
  pair.io.run_for(std::chrono::milliseconds(30));
  CHECK(pair.inbox[0].up.empty());
  pair.start(1);
  CHECK(pair.until([&] { return pair.inbox[0].up.size() == 1; }));
}

TEST_CASE("quorum link: after cancel() no link comes up") {
  Pair pair;
  pair.start(0);
  pair.start(1);
  pair.links[0]->open(ServerId{2});
  pair.links[0]->cancel(ServerId{2});
  pair.links[1]->open(ServerId{1});
  REQUIRE(pair.until([&] { return pair.inbox[1].up.size() == 1; }));
  REQUIRE(pair.until([&] { return pair.inbox[0].up.size() == 1; }));
  CHECK_FALSE(pair.inbox[0].up[0].second.has_value());
}

TEST_CASE("quorum link: each link that was up ends exactly once, on both sides") {
  Pair pair;
  pair.start(0);
  pair.start(1);
  pair.links[0]->open(ServerId{2});
  REQUIRE(pair.until([&] { return pair.inbox[0].up.size() == 1 && pair.inbox[1].up.size() == 1; }));
  const LinkId link = pair.inbox[0].up[0].first;
  pair.links[0]->close(link);
  CHECK(pair.inbox[0].down.empty());  // Never from inside the call.
  pair.links[0]->close(link);
  pair.links[0]->send(link, ping());
  pair.links[0]->flush();
  REQUIRE(pair.until([&] { return !pair.inbox[0].down.empty() && !pair.inbox[1].down.empty(); }));
  pair.links[0]->close(link);
  pair.io.restart();
  pair.io.poll();
  CHECK(pair.inbox[0].down[link] == 1);
  CHECK(pair.inbox[1].down[pair.inbox[1].up[0].first] == 1);
}

TEST_CASE("quorum link: a peer that does not read is dropped at the limit of its queue") {
  Pair pair;
  pair.out_bytes_max = 1 << 20;
  pair.start(0);
  Remote deaf(pair.ports[0]);
  REQUIRE(pair.until([&] { return pair.inbox[0].up.size() == 1; }));
  const LinkId link = pair.inbox[0].up[0].first;
  const SharedBytes megabyte(Bytes(1 << 20));
  for (int i = 0; i < 64 && pair.inbox[0].down.empty(); ++i) {
    pair.links[0]->send_raw(link, megabyte);
    pair.links[0]->flush();
    pair.io.restart();
    pair.io.poll();
  }
  CHECK(pair.inbox[0].down[link] == 1);
}

TEST_CASE("quorum link: an accepted link that says nothing is closed in time") {
  Pair pair;
  pair.start(0);
  Remote silent(pair.ports[0]);
  REQUIRE(pair.until([&] { return pair.inbox[0].up.size() == 1; }));
  pair.links[0]->sweep(60000);
  CHECK(pair.until([&] { return pair.inbox[0].down[pair.inbox[0].up[0].first] == 1; }));
}

TEST_CASE("quorum link: a server that nobody has named yet is reached once it is") {
  Pair pair;
  pair.start(0);
  pair.start(1);
  pair.links[0]->open(ServerId{7});
  pair.io.run_for(std::chrono::milliseconds(30));
  CHECK(pair.inbox[0].up.empty());
  pair.links[0]->set_members({{ServerId{1}, "127.0.0.1", pair.ports[0], 1, false, ""},
                              {ServerId{7}, "127.0.0.1", pair.ports[1], 1, false, ""}});
  CHECK(pair.until([&] { return pair.inbox[0].up.size() == 1; }));
}

TEST_CASE("quorum link: who moves listens at the new port; links stay") {
  Pair pair;
  pair.start(0);
  pair.start(1);
  pair.links[1]->open(ServerId{1});
  REQUIRE(pair.until([&] { return pair.inbox[0].up.size() == 1; }));
  const std::uint16_t fresh = free_port();
  pair.links[0]->set_members({{ServerId{1}, "127.0.0.1", fresh, 1, false, ""}});
  CHECK(pair.links[0]->port() == fresh);
  CHECK_THROWS(Remote(pair.ports[0]));
  Remote other(fresh);
  CHECK(pair.until([&] { return pair.inbox[0].up.size() == 2; }));
  CHECK(pair.inbox[0].down.empty());
}

TEST_CASE("quorum link: it is up once the side that has opened it has logged in") {
  Pair pair;
  FakeAccount account;
  FakeUsers users;
  pair.sasl[0] = {&account, &users, true};
  pair.sasl[1] = {&account, &users, true};
  pair.start(0);
  pair.start(1);
  pair.links[0]->open(ServerId{2});
  REQUIRE(pair.until([&] { return pair.inbox[0].up.size() == 1 && pair.inbox[1].up.size() == 1; }));
  pair.links[0]->send(pair.inbox[0].up[0].first, ping());
  pair.links[0]->flush();
  Bytes expected;
  consensus::encode(expected, ping());
  const LinkId accepted = pair.inbox[1].up[0].first;
  REQUIRE(pair.until([&] { return pair.inbox[1].bytes_of[accepted].size() == expected.size(); }));
  CHECK(pair.inbox[1].bytes_of[accepted] == as_text(expected));
  pair.links[1]->sweep(60000);
  CHECK(pair.inbox[1].notes.empty());
}

TEST_CASE("quorum link: one that fails to log in is never up, is told of and tried again") {
  Pair pair;
  FakeAccount wrong("eve:x");
  FakeUsers users;
  pair.sasl[0] = {&wrong, &users, true};
  pair.sasl[1] = {nullptr, &users, true};
  pair.start(0);
  pair.start(1);
  pair.links[0]->open(ServerId{2});
  REQUIRE(pair.until([&] { return noted(pair.inbox[0], "quorum-sasl-failed port=quorum"); }));
  CHECK(noted(pair.inbox[0], "server=2 reason=\"the other side refuses the login\" remedy=\""));
  CHECK(noted(pair.inbox[1], "quorum-sasl-refused port=quorum address=127.0.0.1"));
  const std::size_t before = pair.inbox[1].notes.size();
  CHECK(pair.until([&] { return pair.inbox[1].notes.size() > before; }));
  pair.links[0]->cancel(ServerId{2});
  CHECK(pair.inbox[0].up.empty());
  CHECK(pair.inbox[1].up.empty());
  CHECK(pair.inbox[0].down.empty());
  CHECK(pair.inbox[1].down.empty());
}

TEST_CASE("quorum link: one that does not log in is up where it need not") {
  for (const bool required : {false, true}) {
    CAPTURE(required);
    Pair pair;
    FakeUsers users;
    pair.sasl[1] = {nullptr, &users, required};
    pair.start(0);
    pair.start(1);
    pair.links[0]->open(ServerId{2});
    REQUIRE(pair.until([&] { return pair.inbox[0].up.size() == 1; }));
    pair.links[0]->send(pair.inbox[0].up[0].first, ping());
    pair.links[0]->flush();
    if (required) {
      CHECK(pair.until([&] { return noted(pair.inbox[1], "reason=\"it does not log in\""); }));
      CHECK(pair.until([&] { return pair.inbox[0].down.size() == 1; }));
      CHECK(pair.inbox[1].up.empty());
    } else {
      Bytes expected;
      consensus::encode(expected, ping());
      REQUIRE(pair.until([&] { return pair.inbox[1].up.size() == 1; }));
      const LinkId accepted = pair.inbox[1].up[0].first;
      CHECK(pair.until([&] { return pair.inbox[1].bytes_of[accepted] == as_text(expected); }));
    }
  }
}

TEST_CASE("quorum link: a login that goes nowhere ends in time, on either side") {
  Pair pair;
  FakeAccount account;
  FakeUsers users;
  pair.sasl[0] = {&account, &users, false};
  pair.start(0);
  Remote silent(pair.ports[0]);
  // Nobody answers there.
  asio::io_context other;
  tcp::acceptor deaf(other, tcp::endpoint(asio::ip::address_v4::loopback(), pair.ports[1]));
  pair.links[0]->open(ServerId{2});
  deaf.non_blocking(true);
  tcp::socket peer(other);
  ErrorCode error = asio::error::would_block;
  REQUIRE(pair.until([&] {
    if (error) deaf.accept(peer, error);
    return !error;
  }));
  std::int64_t now = 0;
  REQUIRE(pair.until([&] {
    pair.links[0]->sweep(now += 60000);
    return noted(pair.inbox[0], "quorum-sasl-failed") &&
           noted(pair.inbox[0], "quorum-sasl-refused");
  }));
  CHECK(noted(pair.inbox[0], "reason=\"the login is not over in time\""));
  CHECK(pair.until([&] { return silent.poll(); }));
  CHECK(pair.inbox[0].up.empty());
  CHECK(pair.inbox[0].down.empty());
}

TEST_CASE("quorum link: a login whose connection ends is a warning only when that goes on") {
  Pair pair;
  FakeAccount account;
  FakeUsers users;
  pair.sasl[0] = {&account, &users, true};
  pair.start(0);
  {
    Remote gone(pair.ports[0]);
    gone.send("_");
  }
  REQUIRE(pair.until([&] { return noted(pair.inbox[0], "I quorum-sasl-ended port=quorum"); }));
  asio::io_context other;
  tcp::acceptor closing(other, tcp::endpoint(asio::ip::address_v4::loopback(), pair.ports[1]));
  closing.non_blocking(true);
  pair.links[0]->open(ServerId{2});
  int accepted = 0;
  const auto close_one = [&] {
    tcp::socket peer(other);
    ErrorCode error;
    closing.accept(peer, error);
    accepted += !error;
  };
  REQUIRE(pair.until([&] {
    if (accepted < 1) close_one();
    return noted(pair.inbox[0], "I quorum-sasl-ended port=quorum", " server=2");
  }));
  CHECK_FALSE(noted(pair.inbox[0], "quorum-sasl-failed"));
  CHECK(pair.until([&] {
    close_one();
    return noted(pair.inbox[0], "W quorum-sasl-failed port=quorum",
                 " server=2 reason=\"the connection ends\" remedy=\"");
  }));
  CHECK(pair.inbox[0].up.empty());
}

TEST_CASE("quorum link: cancel() in the middle of a login ends it for good") {
  Pair pair;
  FakeAccount account;
  pair.sasl[0] = {&account, nullptr, false};
  pair.start(0);
  asio::io_context other;
  tcp::acceptor slow(other, tcp::endpoint(asio::ip::address_v4::loopback(), pair.ports[1]));
  slow.non_blocking(true);
  pair.links[0]->open(ServerId{2});
  tcp::socket peer(other);
  ErrorCode error = asio::error::would_block;
  REQUIRE(pair.until([&] {
    if (error) slow.accept(peer, error);
    return !error;
  }));
  pair.links[0]->cancel(ServerId{2});
  peer.non_blocking(true);
  CHECK(pair.until([&] {
    char piece[100];
    ErrorCode end;
    peer.read_some(asio::buffer(piece), end);
    return end && end != asio::error::would_block;
  }));
  CHECK(pair.inbox[0].up.empty());
  CHECK(pair.inbox[0].down.empty());
  CHECK(pair.inbox[0].notes.empty());
}

}  // namespace quorate::server
