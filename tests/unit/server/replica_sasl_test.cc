// Logins by SASL on the wire: the replica's part, with a mechanism that knows two words.
#include <doctest/doctest.h>

#include "tests/support/standalone_replica.h"

namespace quorate::server {
namespace {

constexpr ConnectionId kA{1}, kB{2};

/// "" is answered by "who?"; then "bob" logs in as bob, "root" as root, "?" may be tried again, and
/// anything else fails.
class Words : public SaslConversation {
 public:
  explicit Words(int& alive) : alive_(alive) { ++alive_; }
  ~Words() override { --alive_; }
  SaslStep step(std::string_view token) override {
    if (token == "?") return {SaslStep::Kind::Refused, {}, "no word"};
    if (!asked_ && token.empty()) {
      asked_ = true;
      return {SaslStep::Kind::Challenge, "who?", {}};
    }
    if (asked_ && (token == "bob" || token == "root")) {
      return {SaslStep::Kind::LoggedIn, "welcome", std::string(token)};
    }
    return {SaslStep::Kind::Failed, {}, "a wrong word"};
  }

 private:
  int& alive_;
  bool asked_ = false;
};

class WordLogin : public SaslLogin {
 public:
  std::unique_ptr<SaslConversation> begin() override { return std::make_unique<Words>(alive); }
  int alive = 0;
};

struct Fixture {
  explicit Fixture(ReplicaOptions options = {})
      : server((options.ops.acl_schemes.sasl = true, options), login) {
    server.client(kA);
  }
  Reply ask(const Buffer& token, ConnectionId id = kA, std::int32_t xid = 7) {
    put(token, id, xid);
    return server.must_take(id);
  }
  void put(const Buffer& token, ConnectionId id = kA, std::int32_t xid = 7) {
    Bytes frame;
    JuteWriter out(frame);
    encode(out, RequestHeader{xid, OpCode::Sasl});
    out.buffer(token);
    server.put(id, frame);
    server.pump();
  }
  Code get(std::string path, ConnectionId id = kA) {
    server.put(id, 2, OpCode::GetData, PathWatchRequest{std::move(path), false});
    server.settle();
    return server.must_take(id).header.err;
  }
  Code create(std::string path, AclList acl, ConnectionId id = kA) {
    server.put(id, 1, OpCode::Create, CreateRequest{std::move(path), "", std::move(acl), 0});
    server.settle();
    return server.must_take(id).header.err;
  }
  std::map<std::string, std::string> who(ConnectionId id = kA) {
    server.put(id, 3, OpCode::WhoAmI);
    server.pump();
    const Reply reply = server.must_take(id);
    JuteReader in(reply.body);
    std::map<std::string, std::string> users;
    for (std::size_t left = in.count(8); left > 0; --left) {
      const std::string scheme = in.string();
      users[scheme] = in.string();
    }
    REQUIRE(in.ok());
    return users;
  }
  void log_in(const std::string& word, ConnectionId id = kA) {
    CHECK(token_of(ask("", id)) == "who?");
    CHECK(token_of(ask(word, id)) == "welcome");
  }
  static Buffer token_of(const Reply& reply) {
    CHECK(reply.header.zxid == Zxid{});
    JuteReader in(reply.body);
    Buffer token = in.buffer();
    REQUIRE(in.ok());
    return token;
  }

  WordLogin login;
  StandaloneReplica server;
};

AclList all_of(std::string scheme, std::string id) {
  return {{perm::kAll, {std::move(scheme), std::move(id)}}};
}

}  // namespace

TEST_CASE("sasl: tokens to and fro, then the connection is sasl:NAME (client-protocol 12)") {
  Fixture f;
  CHECK(f.who() == std::map<std::string, std::string>{{"ip", "127.0.0.1"}});
  Reply reply = f.ask("", kA, 11);
  CHECK(reply.header.xid == 11);
  CHECK(reply.header.err == Code::Ok);
  CHECK(f.login.alive == 1);
  reply = f.ask("bob", kA, 12);
  CHECK(reply.header.xid == 12);
  CHECK(reply.header.err == Code::Ok);
  CHECK(Fixture::token_of(reply) == "welcome");
  CHECK(f.login.alive == 0);
  CHECK(f.who() == std::map<std::string, std::string>{{"ip", "127.0.0.1"}, {"sasl", "bob"}});
  CHECK_FALSE(f.server.closed(kA));
}

TEST_CASE("sasl: a reply overtakes what waits for the disk") {
  Fixture f;
  f.server.put_create(kA, 1, "/queued");
  CHECK(f.ask("").header.xid == 7);
  f.server.sync();
  CHECK(f.server.must_take(kA).header.xid == 1);
}

TEST_CASE("sasl: lists by name are valid and enforced, and auth stands for the name") {
  Fixture f;
  f.server.client(kB);
  CHECK(f.create("/none", all_of("auth", "")) == Code::InvalidAcl);
  f.log_in("bob");
  CHECK(f.create("/by-name", all_of("sasl", "bob")) == Code::Ok);
  CHECK(f.create("/by-auth", all_of("auth", "")) == Code::Ok);
  CHECK(f.create("/bad", all_of("sasl", "a@b@c")) == Code::InvalidAcl);
  for (const char* path : {"/by-name", "/by-auth"}) {
    CHECK(f.get(path) == Code::Ok);
    CHECK(f.get(path, kB) == Code::NoAuth);
  }
  f.log_in("bob", kB);
  for (const char* path : {"/by-name", "/by-auth"}) CHECK(f.get(path, kB) == Code::Ok);
}

TEST_CASE("sasl: a name among superUser passes every list") {
  ReplicaOptions options;
  options.auth.sasl_super_users = {"root"};
  Fixture f(options);
  f.server.client(kB);
  CHECK(f.create("/locked", all_of("digest", "x:y")) == Code::Ok);
  CHECK(f.get("/locked") == Code::NoAuth);
  f.log_in("root", kB);
  CHECK(f.get("/locked", kB) == Code::Ok);
  CHECK(f.who(kB).at("super").empty());
}

TEST_CASE("sasl: what fails gets -115 with a null token, then the connection is closed") {
  const auto refuses = [](const std::vector<std::string>& good, const std::string& bad) {
    CAPTURE(bad);
    Fixture f;
    for (const std::string& token : good) CHECK(f.ask(token).header.err == Code::Ok);
    const Reply reply = f.ask(bad);
    CHECK(reply.header.err == Code::AuthFailed);
    CHECK(Fixture::token_of(reply) == std::nullopt);
    CHECK(f.server.closed(kA));
    CHECK(f.login.alive == 0);
    CHECK(f.server.replica->metrics().auth_failures == 1);
    REQUIRE_FALSE(f.server.fake.observer.notes.empty());
    CHECK(f.server.fake.observer.notes.back().find("sasl-login-failed session=") !=
          std::string::npos);
  };
  refuses({}, "bob");           // before the challenge
  refuses({}, "?");             // nothing was begun
  refuses({""}, "");            // the first step again
  refuses({""}, "eve");         // a wrong password
  refuses({"", "bob"}, "");     // a second login
  refuses({"", "bob"}, "bob");  // a replay
  refuses({"", "bob"}, "garbage");
}

TEST_CASE("sasl: who cannot log in keeps its session for the next connection") {
  Fixture f;
  f.ask("eve");
  CHECK(f.server.closed(kA));
  CHECK(f.server.replica->session_list().size() == 1);
}

TEST_CASE("sasl: allowSaslFailedClients lets who failed go on without an identity") {
  ReplicaOptions options;
  options.sasl_failed_stay = true;
  Fixture f(options);
  CHECK(f.ask("").header.err == Code::Ok);
  // A step that was refused can be made again.
  Reply reply = f.ask("?");
  CHECK(reply.header.err == Code::Ok);
  CHECK(Fixture::token_of(reply) == std::nullopt);
  CHECK(f.login.alive == 1);
  reply = f.ask("eve");
  CHECK(reply.header.err == Code::Ok);
  CHECK(Fixture::token_of(reply) == std::nullopt);
  CHECK(f.login.alive == 0);
  // One that failed cannot: not even with the right word.
  CHECK(Fixture::token_of(f.ask("")) == std::nullopt);
  CHECK(Fixture::token_of(f.ask("bob")) == std::nullopt);
  CHECK_FALSE(f.server.closed(kA));
  CHECK(f.who().count("sasl") == 0);
  CHECK(f.get("/") == Code::Ok);
  CHECK(f.login.alive == 0);
}

TEST_CASE("sasl: where it is demanded, -124 to operations and to logins that fail") {
  ReplicaOptions options;
  options.auth.enforced = {"sasl"};
  options.sasl_failed_stay = true;  // has no say then
  Fixture f(options);
  f.log_in("bob");
  CHECK(f.get("/") == Code::Ok);
  f.server.client(kB);
  CHECK(f.ask("", kB).header.err == Code::Ok);
  const Reply reply = f.ask("eve", kB);
  CHECK(reply.header.err == Code::SessionClosedRequireSaslAuth);
  CHECK(Fixture::token_of(reply) == std::nullopt);
  CHECK(f.server.closed(kB));
  constexpr ConnectionId kC{3};
  f.server.client(kC);
  CHECK(f.ask("", kC).header.err == Code::Ok);
  CHECK(f.get("/", kC) == Code::SessionClosedRequireSaslAuth);
  CHECK(f.server.closed(kC));
  CHECK(f.login.alive == 0);
}

TEST_CASE("sasl: a null token or none at all closes the connection without an answer") {
  Fixture f;
  f.put(std::nullopt);
  CHECK(f.server.closed(kA));
  CHECK_FALSE(f.server.take(kA));
  f.server.client(kB);
  f.server.put(kB, 7, OpCode::Sasl);
  f.server.pump();
  CHECK(f.server.closed(kB));
  CHECK_FALSE(f.server.take(kB));
}

TEST_CASE("sasl: a login that was begun ends with its connection") {
  Fixture f;
  f.ask("");
  CHECK(f.login.alive == 1);
  f.server.replica->on_client_closed(kA);
  CHECK(f.login.alive == 0);
}

}  // namespace quorate::server
