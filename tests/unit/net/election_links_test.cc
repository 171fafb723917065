#include "server/net/election_links.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>

#include "tests/unit/net/loopback.h"
#include "tests/unit/sasl/fake_sasl.h"

namespace quorate::server {
namespace {

using consensus::InitialMessage;
using consensus::Notification;

/// Servers 1, 2 and 3 of a config on one loop; those that are not started are played by the test.
struct Trio {
  asio::io_context io;
  RecordingInbox inbox[3];
  std::uint16_t ports[3] = {free_port(), free_port(), free_port()};
  std::unique_ptr<ElectionLinks> links[3];
  PeerSasl sasl[3];
  std::int64_t handshake_timeout_ms = 10000;

  consensus::Ensemble ensemble() const {
    std::vector<consensus::Member> members;
    for (int i = 0; i < 3; ++i) {
      members.push_back({ServerId{i + 1}, "127.0.0.1", 1, ports[i], false, ""});
    }
    return consensus::Ensemble(std::move(members));
  }
  void start(int id, bool strangers = false) {
    ElectionLinkOptions options;
    options.strangers = strangers;
    options.self = ServerId{id};
    options.ensemble = ensemble();
    options.listen_address = "127.0.0.1";
    options.listen_port = ports[id - 1];
    options.sasl = sasl[id - 1];
    options.handshake_timeout_ms = handshake_timeout_ms;
    auto& own = links[id - 1];
    own = std::make_unique<ElectionLinks>(io, options, Random(static_cast<unsigned>(id)),
                                          inbox[id - 1]);
    REQUIRE_FALSE(own->listen());
    own->start();
  }
  void vote(int from, int to, std::int64_t round) {
    Notification notification;
    notification.round = round;
    links[from - 1]->vote(ServerId{to}, notification);
  }
  template <class Condition>
  bool until(Condition condition) {
    return run_until(io, condition);
  }
  /// The last round that `to` has heard of `from`; -1 for none.
  std::int64_t heard(int to, int from) const {
    std::int64_t round = -1;
    for (const auto& [sender, notification] : inbox[to - 1].votes) {
      if (sender == ServerId{from}) round = notification.round;
    }
    return round;
  }
};

std::string initial(std::int64_t sid, const char* address = "127.0.0.1:1") {
  return std::string(as_text(consensus::encode(InitialMessage{ServerId{sid}, address})));
}

std::string vote_frame(std::int64_t round) {
  Notification notification;
  notification.round = round;
  return framed(std::string(as_text(consensus::encode(notification))));
}

}  // namespace

TEST_CASE("election link: votes pass both ways, whichever side speaks first, with a login or not") {
  for (const int turn : {1, 2, 3, 4}) {
    const int first = 1 + turn % 2;
    const bool by_login = turn > 2;
    CAPTURE(first);
    CAPTURE(by_login);
    FakeAccount account;
    FakeUsers users;
    Trio trio;
    if (by_login) {
      for (PeerSasl& sasl : trio.sasl) sasl = {&account, &users, true};
    }
    trio.start(1);
    trio.start(2);
    trio.vote(first, 3 - first, 5);
    REQUIRE(trio.until([&] { return trio.heard(3 - first, first) == 5; }));
    trio.vote(3 - first, first, 6);
    CHECK(trio.until([&] { return trio.heard(first, 3 - first) == 6; }));
  }
}

TEST_CASE("election link: the smaller id says who it is and closes") {
  Trio trio;
  trio.start(1);
  asio::io_context other;
  tcp::acceptor acceptor(other, tcp::endpoint(asio::ip::address_v4::loopback(), trio.ports[1]));
  trio.vote(1, 2, 1);
  acceptor.non_blocking(true);
  tcp::socket peer(other);
  ErrorCode error = asio::error::would_block;
  REQUIRE(trio.until([&] {
    if (error) acceptor.accept(peer, error);
    return !error;
  }));
  peer.non_blocking(true);
  std::string received;
  REQUIRE(trio.until([&] {
    char piece[1000];
    ErrorCode end;
    received.append(piece, peer.read_some(asio::buffer(piece), end));
    return end == asio::error::eof;
  }));
  CHECK(received == initial(1, ("127.0.0.1:" + std::to_string(trio.ports[0])).c_str()));
}

TEST_CASE(
    "election link: the larger id connects back to the address of the config, not the one told") {
  Trio trio;
  trio.start(2);
  asio::io_context other;
  tcp::acceptor real(other, tcp::endpoint(asio::ip::address_v4::loopback(), trio.ports[0]));
  tcp::acceptor told(other, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  real.non_blocking(true);
  told.non_blocking(true);
  Remote knock(trio.ports[1]);
  knock.send(initial(1, ("127.0.0.1:" + std::to_string(told.local_endpoint().port())).c_str()));
  REQUIRE(trio.until([&] { return knock.poll(); }));
  tcp::socket peer(other);
  ErrorCode error = asio::error::would_block;
  REQUIRE(trio.until([&] {
    if (error) real.accept(peer, error);
    return !error;
  }));
  tcp::socket nobody(other);
  told.accept(nobody, error);
  CHECK(error == asio::error::would_block);
}

TEST_CASE("election link: ids outside of the config, the own id and garbage are closed") {
  Trio trio;
  trio.start(1);
  for (const std::string& bytes :
       {initial(9), initial(1), initial(INT64_MAX), std::string("GET / HTTP/1.1\r\n\r\n\r\n"),
        std::string(40, '\xff')}) {
    CAPTURE(bytes);
    Remote remote(trio.ports[0]);
    remote.send(bytes);
    CHECK(trio.until([&] { return remote.poll(); }));
  }
  CHECK(trio.inbox[0].hints.empty());
}

TEST_CASE(
    "election link: who knocks on while the server of that id is connected is told of, once") {
  Trio trio;
  trio.start(1);
  trio.start(2);
  std::unique_ptr<Remote> knock;  // One at a time: a quick machine knocks by the thousand.
  int knocks = 0;
  const auto told = [&] {
    trio.links[1]->sweep(0);
    return std::count_if(trio.inbox[1].notes.begin(), trio.inbox[1].notes.end(),
                         [](const std::string& note) {
                           return note.find("election-twin server=1 ") != std::string::npos;
                         });
  };
  REQUIRE(trio.until([&] {
    if (!knock || knock->poll()) {
      knock = std::make_unique<Remote>(trio.ports[1]);
      knock->send(initial(1));
      ++knocks;
    }
    return told() == 1;
  }));
  CHECK(knocks >= 4);
  Remote own(trio.ports[1]);
  own.send(initial(2));
  REQUIRE(trio.until([&] { return own.poll(); }));
  CHECK(told() == 1);
}

TEST_CASE("election link: a server's own id is told of as another server's") {
  Trio trio;
  trio.start(2);
  Remote own(trio.ports[1]);
  own.send(initial(2));
  REQUIRE(trio.until([&] { return own.poll(); }));
  trio.links[1]->sweep(0);
  CHECK(std::count_if(trio.inbox[1].notes.begin(), trio.inbox[1].notes.end(),
                      [](const std::string& note) {
                        return note.find("election-twin server=2 ") != std::string::npos;
                      }) == 1);
}

TEST_CASE("election link: a malformed body costs that message only") {
  Trio trio;
  trio.start(1);
  Remote two(trio.ports[0]);
  two.send(initial(2) + framed("short") + vote_frame(4));
  CHECK(trio.until([&] { return trio.heard(1, 2) == 4; }));
  CHECK(trio.inbox[0].votes.size() == 1);
}

TEST_CASE("election link: a frame of length 0 or above 524288 ends the stream and gives a hint") {
  for (const std::string& frame : {framed(""), std::string("\x00\x08\x00\x01", 4)}) {
    Trio trio;
    trio.start(1);
    Remote two(trio.ports[0]);
    two.send(initial(2) + frame);
    REQUIRE(trio.until([&] { return two.poll(); }));
    CHECK(trio.inbox[0].hints ==
          std::vector<std::pair<ServerId, bool>>{{ServerId{2}, true}, {ServerId{2}, false}});
  }
}

TEST_CASE("election link: on a fresh stream the last vote is sent again, older ones are not") {
  Trio trio;
  trio.start(1);
  trio.vote(1, 2, 1);
  trio.vote(1, 2, 2);
  for (int times = 0; times < 2; ++times) {
    Remote two(trio.ports[0]);
    two.send(initial(2));
    CHECK(trio.until([&] {
      two.poll();
      return two.received == vote_frame(2);
    }));
  }
}

TEST_CASE(
    "election link: a newer stream of the same id replaces the older without a hint of loss") {
  Trio trio;
  trio.start(1);
  Remote old(trio.ports[0]);
  old.send(initial(2));
  REQUIRE(trio.until([&] { return trio.inbox[0].hints.size() == 1; }));
  Remote fresh(trio.ports[0]);
  fresh.send(initial(2));
  REQUIRE(trio.until([&] { return old.poll(); }));
  fresh.send(vote_frame(3));
  CHECK(trio.until([&] { return trio.heard(1, 2) == 3; }));
  CHECK(trio.inbox[0].hints.back() == std::pair<ServerId, bool>{ServerId{2}, true});
}

TEST_CASE("election link: a refused connection gives a hint, and is tried again until it works") {
  Trio trio;
  trio.start(2);
  trio.vote(2, 1, 8);
  REQUIRE(trio.until([&] { return !trio.inbox[1].hints.empty(); }));
  CHECK(trio.inbox[1].hints[0] == std::pair<ServerId, bool>{ServerId{1}, false});
  trio.start(1);
  CHECK(trio.until([&] { return trio.heard(1, 2) == 8; }));
}

TEST_CASE("election link: a flood of silent connections does not lock a real server out") {
  Trio trio;
  trio.start(1);
  std::vector<std::unique_ptr<Remote>> flood;
  for (int i = 0; i < 100; ++i) flood.push_back(std::make_unique<Remote>(trio.ports[0]));
  Remote two(trio.ports[0]);
  two.send(initial(2) + vote_frame(1));
  CHECK(trio.until([&] { return trio.heard(1, 2) == 1; }));
}

namespace {

/// What stands at `address` when somebody calls.
struct Called {
  asio::io_context io;
  tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  tcp::socket caller{io};
  ErrorCode error = asio::error::would_block;

  Called() { acceptor.non_blocking(true); }
  std::uint16_t port() const { return acceptor.local_endpoint().port(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
  bool poll() {
    if (error) acceptor.accept(caller, error);
    return !error;
  }
};

std::vector<consensus::Member> without(const consensus::Ensemble& ensemble, int id) {
  std::vector<consensus::Member> members = ensemble.members();
  std::erase_if(members, [id](const auto& member) { return member.id == ServerId{id}; });
  return members;
}

}  // namespace

TEST_CASE("election link: a stranger of a smaller id is called back where it says it listens") {
  Trio trio;
  trio.start(2, /*strangers=*/true);
  Called stranger;
  Remote knock(trio.ports[1]);
  knock.send(initial(0, stranger.address().c_str()));
  REQUIRE(trio.until([&] { return stranger.poll(); }));
  // From now on votes reach it.
  trio.vote(2, 0, 9);
  stranger.caller.non_blocking(true);
  std::string received;
  CHECK(trio.until([&] {
    char piece[1000];
    ErrorCode end;
    received.append(piece, stranger.caller.read_some(asio::buffer(piece), end));
    return received.ends_with(vote_frame(9));
  }));
}

TEST_CASE("election link: a stranger that names no address is closed like any other") {
  Trio trio;
  trio.start(2, /*strangers=*/true);
  for (const char* address : {"nowhere", "127.0.0.1:0", ":3888", "a b:3888", "a\nb:3888"}) {
    CAPTURE(address);
    Remote remote(trio.ports[1]);
    remote.send(initial(9, address));
    CHECK(trio.until([&] { return remote.poll(); }));
  }
  CHECK(trio.inbox[1].hints.empty());
}

TEST_CASE("election link: a stranger of a larger id keeps its own stream") {
  Trio trio;
  trio.start(2, /*strangers=*/true);
  Remote nine(trio.ports[1]);
  nine.send(initial(9) + vote_frame(4));
  CHECK(trio.until([&] { return trio.heard(2, 9) == 4; }));
}

TEST_CASE("election link: of strangers there are a few, who has no stream gives way") {
  Trio trio;
  trio.start(2, /*strangers=*/true);
  // Nobody listens where these say they do.
  const std::string nowhere = "127.0.0.1:" + std::to_string(free_port());
  for (int i = 0; i < 40; ++i) {
    Remote knock(trio.ports[1]);
    knock.send(initial(100 + i, nowhere.c_str()));
    REQUIRE(trio.until([&] {
      return std::count_if(trio.inbox[1].notes.begin(), trio.inbox[1].notes.end(),
                           [](const std::string& note) {
                             return note.find("election-stranger") != std::string::npos;
                           }) > i;
    }));
    knock.close();
    trio.io.restart();
    trio.io.run_for(std::chrono::milliseconds(2));
  }
  Remote last(trio.ports[1]);
  last.send(initial(200, nowhere.c_str()) + vote_frame(1));
  CHECK(trio.until([&] { return trio.heard(2, 200) == 1; }));
}

TEST_CASE("election link: strangers cannot make us call others again and again (R40)") {
  Trio trio;
  trio.start(3, /*strangers=*/true);
  Called victim;
  int calls = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 60; ++i) {
    Remote knock(trio.ports[2]);
    knock.send(initial(0, victim.address().c_str()));
    REQUIRE(trio.until([&] { return knock.poll(); }));
    tcp::socket caller(victim.io);
    ErrorCode error;
    victim.acceptor.accept(caller, error);
    if (!error) ++calls;
  }
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                      std::chrono::steady_clock::now() - begin)
                      .count();
  CHECK(calls <= 9 + ms / 200);
}

TEST_CASE("election link: a member that joins is reached, one that leaves keeps its stream") {
  Trio trio;
  trio.start(2, /*strangers=*/true);
  Remote three(trio.ports[1]);
  three.send(initial(3));
  REQUIRE(trio.until([&] { return trio.inbox[1].hints.size() == 1; }));
  Called one;
  std::vector<consensus::Member> members = without(trio.ensemble(), 3);
  members.front().election_port = one.port();  // Server 1 has moved.
  members.push_back({ServerId{4}, "127.0.0.1", 1, free_port(), false, ""});
  trio.links[1]->set_members(members);
  trio.vote(2, 1, 5);
  CHECK(trio.until([&] { return one.poll(); }));
  three.send(vote_frame(6));
  CHECK(trio.until([&] { return trio.heard(2, 3) == 6; }));
  Remote four(trio.ports[1]);
  four.send(initial(4) + vote_frame(7));
  CHECK(trio.until([&] { return trio.heard(2, 4) == 7; }));
}

TEST_CASE("election link: who moves listens at the new port and says so") {
  Trio trio;
  trio.start(1);
  const std::uint16_t old = trio.ports[0];
  const std::uint16_t fresh = free_port();
  std::vector<consensus::Member> members = trio.ensemble().members();
  members.front().election_port = fresh;
  trio.links[0]->set_members(members);
  CHECK(trio.links[0]->port() == fresh);
  CHECK_THROWS(Remote(old));
  Remote two(fresh);
  two.send(initial(2) + vote_frame(3));
  CHECK(trio.until([&] { return trio.heard(1, 2) == 3; }));
}

TEST_CASE("election link: of three servers the one with a wrong password hears and says nothing") {
  FakeAccount account, wrong("eve:x");
  FakeUsers users;
  Trio trio;
  for (PeerSasl& sasl : trio.sasl) sasl = {&account, &users, true};
  trio.sasl[1] = {&wrong, &users, true};
  for (const int id : {1, 2, 3}) trio.start(id);
  trio.vote(2, 1, 7);
  trio.vote(2, 3, 7);
  REQUIRE(trio.until([&] {
    return noted(trio.inbox[0], "quorum-sasl-refused port=election") &&
           noted(trio.inbox[2], "quorum-sasl-refused port=election");
  }));
  CHECK(noted(trio.inbox[0], "server=2 reason=\"wrong user or password\" remedy=\""));
  CHECK(trio.until([&] { return noted(trio.inbox[1], "quorum-sasl-failed port=election"); }));
  trio.vote(1, 3, 5);
  trio.vote(3, 1, 6);
  REQUIRE(trio.until([&] { return trio.heard(3, 1) == 5 && trio.heard(1, 3) == 6; }));
  CHECK(trio.heard(1, 2) == -1);
  CHECK(trio.heard(3, 2) == -1);
}

TEST_CASE("election link: one that does not log in is heard where it need not") {
  for (const int plain : {1, 2}) {
    CAPTURE(plain);
    FakeUsers users;
    Trio trio;
    trio.sasl[2 - plain] = {nullptr, &users, false};
    trio.start(1);
    trio.start(2);
    trio.vote(plain, 3 - plain, 5);
    REQUIRE(trio.until([&] { return trio.heard(3 - plain, plain) == 5; }));
    trio.vote(3 - plain, plain, 6);
    CHECK(trio.until([&] { return trio.heard(plain, 3 - plain) == 6; }));
  }
  FakeUsers users;
  Trio strict;
  strict.sasl[0] = {nullptr, &users, true};
  strict.start(1);
  Remote two(strict.ports[0]);
  two.send(initial(2) + vote_frame(4));
  CHECK(strict.until([&] { return two.poll(); }));
  CHECK(noted(strict.inbox[0], "server=2 reason=\"it does not log in\""));
  CHECK(strict.inbox[0].votes.empty());
}

TEST_CASE("election link: a login whose connection ends is a warning only when that goes on") {
  FakeAccount account;
  FakeUsers users;
  Trio trio;
  for (PeerSasl& sasl : trio.sasl) sasl = {&account, &users, true};
  trio.start(2);
  {
    Remote knock(trio.ports[1]);
    knock.send(initial(1));
  }
  REQUIRE(trio.until([&] { return noted(trio.inbox[1], "I quorum-sasl-ended port=election"); }));
  asio::io_context other;
  tcp::acceptor closing(other, tcp::endpoint(asio::ip::address_v4::loopback(), trio.ports[2]));
  closing.non_blocking(true);
  trio.vote(2, 3, 1);
  CHECK(trio.until([&] {
    tcp::socket peer(other);
    ErrorCode error;
    closing.accept(peer, error);
    return noted(trio.inbox[1], "W quorum-sasl-failed port=election",
                 " server=3 reason=\"the connection ends\" remedy=\"");
  }));
  CHECK(noted(trio.inbox[1], "I quorum-sasl-ended port=election", " server=3"));
}

TEST_CASE("election link: a stranger that does not log in is not kept, called or looked for") {
  FakeUsers users;
  Trio trio;
  trio.sasl[1] = {nullptr, &users, true};
  trio.start(2, /*strangers=*/true);
  Called stranger;
  for (const std::string& rest : {vote_frame(4), std::string()}) {
    Remote knock(trio.ports[1]);
    knock.send(initial(0, stranger.address().c_str()) + rest);
    if (rest.empty()) knock.close();
    REQUIRE(trio.until([&] { return rest.empty() || knock.poll(); }));
  }
  REQUIRE(trio.until([&] {
    return noted(trio.inbox[1], "quorum-sasl-refused port=election", "server=0") &&
           noted(trio.inbox[1], "quorum-sasl-ended port=election", "server=0");
  }));
  CHECK_FALSE(noted(trio.inbox[1], "election-stranger"));
  trio.vote(2, 0, 9);
  trio.io.restart();
  trio.io.poll();
  CHECK_FALSE(stranger.poll());
}

TEST_CASE("election link: who need not log in and has nothing to say is let in after a while") {
  FakeUsers users;
  for (const bool required : {false, true}) {
    CAPTURE(required);
    Trio trio;
    trio.sasl[0] = {nullptr, &users, required};
    trio.handshake_timeout_ms = 0;
    trio.start(1);
    Remote two(trio.ports[0]);
    two.send(initial(2));
    trio.vote(1, 2, 9);
    // Whom it says it is lies ready to be read; with no time at all for that, too, it would be
    // refused.
    for (int quiet = 0; quiet < 3;) {
      trio.io.restart();
      quiet = trio.io.poll() > 0 ? 0 : quiet + 1;
    }
    if (required) {
      REQUIRE(trio.until([&] {
        trio.links[0]->sweep(0);
        return noted(trio.inbox[0], "reason=\"the login is not over in time\"");
      }));
      CHECK(trio.until([&] { return two.poll(); }));
      CHECK(two.received.empty());
    } else {
      CHECK(trio.until([&] {
        trio.links[0]->sweep(0);
        two.poll();
        return two.received == vote_frame(9);
      }));
    }
  }
}

}  // namespace quorate::server
