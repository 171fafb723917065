#include "server/sasl/peer_login.h"

#include <doctest/doctest.h>

#include "tests/unit/sasl/fake_sasl.h"

namespace quorate::server {
namespace {

using State = PeerLogin::State;

std::string packet(std::int32_t status, const char* token) {
  Bytes head(16);
  store_be(head.data(), std::int64_t{0x5f2435013501edcc});
  store_be(head.data() + 8, status);
  const std::string text = token == nullptr ? "" : token;
  store_be(head.data() + 12, token == nullptr ? -1 : static_cast<std::int32_t>(text.size()));
  return std::string(as_text(head)) + text;
}

/// Both sides with what lies between them.
struct Two {
  explicit Two(const std::string& secret = "bob:secret", bool required = true)
      : account(secret), opener(account, to_acceptor), acceptor(users, required) {}

  /// Carries everything, `piece` bytes at a time.
  void run(std::size_t piece) {
    for (bool moved = true; moved;) {
      moved = carry(to_acceptor, acceptor, acceptor_state, to_opener, piece);
      moved = carry(to_opener, opener, opener_state, to_acceptor, piece) || moved;
    }
  }
  static bool carry(Bytes& from, PeerLogin& to, State& state, Bytes& answer, std::size_t piece) {
    if (from.empty() || state != State::UnderWay) return false;
    const std::size_t count = std::min(piece, from.size());
    const Bytes part(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count));
    from.erase(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count));
    state = to.take(part, answer);
    return true;
  }

  FakeAccount account;
  FakeUsers users;
  Bytes to_acceptor, to_opener;
  PeerLogin opener, acceptor;
  State opener_state = State::UnderWay, acceptor_state = State::UnderWay;
};

State take(PeerLogin& login, const std::string& text, Bytes& out) {
  return login.take(as_bytes(text), out);
}

}  // namespace

TEST_CASE("peer login: the packets have ZooKeeper's form") {
  FakeAccount account;
  Bytes out;
  PeerLogin opener(account, out);
  CHECK(as_text(out) == packet(0, ""));
  FakeUsers users;
  PeerLogin acceptor(users, true);
  out.clear();
  CHECK(take(acceptor, packet(0, ""), out) == State::UnderWay);
  CHECK(as_text(out) == packet(0, "who?"));
  out.clear();
  CHECK(take(acceptor, packet(0, "bob:secret"), out) == State::Done);
  CHECK(as_text(out) == packet(1, "proof"));
  CHECK(acceptor.user() == "bob");
}

TEST_CASE("peer login: both sides know each other, in pieces of any size") {
  for (std::size_t piece = 1; piece <= 40; ++piece) {
    CAPTURE(piece);
    Two two;
    two.run(piece);
    CHECK(two.opener_state == State::Done);
    CHECK(two.acceptor_state == State::Done);
    CHECK(two.opener.user() == "bob");
    CHECK(two.acceptor.user() == "bob");
    CHECK(two.opener.rest().empty());
    CHECK(two.acceptor.rest().empty());
  }
}

TEST_CASE("peer login: a wrong password ends both sides") {
  Two two("bob:other");
  two.run(1000);
  CHECK(two.acceptor_state == State::Failed);
  CHECK(two.acceptor.fault() == "wrong user or password");
  CHECK(two.opener_state == State::Failed);
  CHECK(two.opener.fault() == "the other side refuses the login");
}

TEST_CASE("peer login: what comes behind it is kept") {
  FakeUsers users;
  PeerLogin acceptor(users, true);
  Bytes out;
  take(acceptor, packet(0, "") + packet(0, "bob:secret") + "and then", out);
  CHECK(as_text(acceptor.rest()) == "and then");
  FakeAccount account;
  PeerLogin opener(account, out);
  take(opener, packet(0, "who?"), out);
  CHECK(take(opener, packet(1, "proof") + "a vote", out) == State::Done);
  CHECK(as_text(opener.rest()) == "a vote");
}

TEST_CASE("peer login: one that does not log in is let through as it is, unless it must") {
  FakeUsers users;
  for (const std::string& text : {std::string(1, '\0'), std::string("\0\0\0\x0b\0", 5),
                                  std::string("\x5f\x24\x35\x02", 4), std::string("_x")}) {
    CAPTURE(text.size());
    Bytes out;
    PeerLogin lenient(users, false);
    CHECK(lenient.may_be_plain());
    CHECK(take(lenient, text, out) == State::Done);
    CHECK(as_text(lenient.rest()) == text);
    CHECK(lenient.user().empty());
    PeerLogin strict(users, true);
    CHECK_FALSE(strict.may_be_plain());
    CHECK(take(strict, text, out) == State::Failed);
    CHECK(strict.fault() == "it does not log in");
    CHECK(out.empty());
  }
  Bytes out;
  PeerLogin begun(users, false);
  CHECK(take(begun, "\x5f\x24", out) == State::UnderWay);
  CHECK_FALSE(begun.may_be_plain());
}

TEST_CASE(
    "peer login: one that has begun to log in cannot go on without, and may not go on for ever") {
  FakeUsers users;
  Bytes out;
  PeerLogin begun(users, false);
  CHECK(take(begun, packet(0, ""), out) == State::UnderWay);
  CHECK(take(begun, std::string("\0\0\0\x0b", 4), out) == State::Failed);
  PeerLogin failed(users, false);
  CHECK(take(failed, packet(0, "") + packet(0, "eve:x"), out) == State::Failed);

  struct Endless : SaslLogin {
    struct Conversation : SaslConversation {
      SaslStep step(std::string_view) override { return {SaslStep::Kind::Challenge, "more", {}}; }
    };
    std::unique_ptr<SaslConversation> begin() override { return std::make_unique<Conversation>(); }
  } endless;
  for (const bool connects : {false, true}) {
    PeerLogin login = connects ? PeerLogin(endless, out) : PeerLogin(endless, true);
    State state = State::UnderWay;
    for (int i = 0; i < 10 && state == State::UnderWay; ++i) {
      state = take(login, packet(0, "x"), out);
    }
    CHECK(state == State::Failed);
    CHECK(login.fault() == "the login has no end");
  }
}

TEST_CASE("peer login: lengths that cannot be, and a token that is none") {
  FakeUsers users;
  Bytes out;
  for (const std::int32_t size : {-2, INT32_MIN, 4097, INT32_MAX}) {
    CAPTURE(size);
    std::string text = packet(0, "");
    Bytes length(4);
    store_be(length.data(), size);
    text.replace(12, 4, as_text(length));
    PeerLogin acceptor(users, true);
    CHECK(take(acceptor, text, out) == State::Failed);
  }
  PeerLogin acceptor(users, true);
  CHECK(take(acceptor, packet(0, nullptr), out) == State::UnderWay);
  CHECK(take(acceptor, packet(0, nullptr), out) == State::Failed);
}

TEST_CASE("peer login: the side that opens believes proof only, in its place") {
  struct Row {
    std::string answers;
    const char* fault;
  };
  const char* order = "the other side does not keep to the order of a login";
  const char* proof = "the other side has not proved that it knows the password; no proof";
  for (const Row& row :
       {Row{packet(1, ""), proof}, Row{packet(1, "who?"), order}, Row{packet(0, "x"), proof},
        Row{packet(-1, "who?"), "the other side refuses the login"},
        Row{packet(7, "who?"), "the other side refuses the login"},
        Row{packet(0, "who?") + packet(1, "guess"), proof},
        Row{packet(0, "who?") + packet(0, "proof"), order},
        Row{packet(0, "who?") + packet(1, nullptr), proof},
        Row{std::string("\0\0\0\x11", 4), "what came is no packet of a login"}}) {
    CAPTURE(row.answers);
    FakeAccount account;
    Bytes out;
    PeerLogin opener(account, out);
    CHECK(take(opener, row.answers, out) == State::Failed);
    CHECK(opener.fault() == row.fault);
  }
}

}  // namespace quorate::server
