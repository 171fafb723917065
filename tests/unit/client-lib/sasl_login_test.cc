#include "client-lib/src/sasl_login.h"

#include "tests/unit/client-lib/core_fixture.h"

using namespace quorate;
using namespace quorate::client;
using Lines = std::vector<std::string>;

namespace {

// Of a recorded login at ZooKeeper 3.8.0 (captures/golden-3.8.0-sasl.jsonl).
const std::string kChallenge =
    "realm=\"zk-sasl-md5\",nonce=\"XNjIc/VkyEKHcHxttS7goQOcFMLzg+k9iC9mpU56\",charset=utf-8,"
    "algorithm=md5-sess";
const std::string kResponse =
    "charset=utf-8,username=\"bob\",realm=\"zk-sasl-md5\",nonce=\"XNjIc/"
    "VkyEKHcHxttS7goQOcFMLzg+k9iC9mpU56\",nc=00000001,cnonce=\"0123456789abcdef\",digest-uri="
    "\"zookeeper/zk-sasl-md5\",maxbuf=65536,response=842804d91f38f0c48376ad204313ca2c,qop=auth";
const std::string kProof = "rspauth=d106ea52f474f2df6b06f0580b196a4b";

SaslExchange exchange(const std::string& user = "bob", const std::string& password = "bobsecret") {
  return {SaslOptions(user, password), "0123456789abcdef"};
}

Bytes token_body(const Buffer& token) {
  Bytes body;
  JuteWriter out(body);
  out.buffer(token);
  return body;
}

std::string token_of(const SentRequest& request) {
  JuteReader in(request.body);
  return in.buffer().value_or("null");
}

CoreOptions with_login() {
  CoreOptions options = CoreFixture::default_options();
  options.sasl = SaslOptions("bob", "bobsecret");
  return options;
}

/// What the server of `kChallenge` would prove to the client whose answer that is.
std::string proof_for(const std::string& answer) {
  const std::size_t at = answer.find("cnonce=\"") + 8;
  SaslExchange same(SaslOptions("bob", "bobsecret"), answer.substr(at, answer.find('"', at) - at));
  same.step(kChallenge);
  return same.proof();
}

/// Answers the tokens of a login that has begun.
void let_in(CoreFixture& f) {
  f.reply_next(0, Code::Ok, token_body(kChallenge));
  f.reply_next(0, Code::Ok, token_body("rspauth=" + proof_for(token_of(f.sent.back()))));
}

}  // namespace

TEST_CASE("sasl: the answer to a recorded challenge, and the proof of that server") {
  SaslExchange login = exchange();
  CHECK(SaslExchange::begin().empty());
  CHECK(login.step(kChallenge) == kResponse);
  CHECK(login.step(kProof) == "");
}

TEST_CASE("sasl: proofs that are none, challenges of another kind") {
  for (const std::string& proof :
       {std::string(), std::string("rspauth="), kChallenge, kProof + "0", kProof + "," + kProof,
        std::string("rspauth=00000000000000000000000000000000"), std::string(5000, 'x')}) {
    CAPTURE(proof);
    SaslExchange login = exchange();
    login.step(kChallenge);
    CHECK_FALSE(login.step(proof).has_value());
  }
  for (const char* challenge :
       {"", "garbage", "realm=\"r\",algorithm=md5-sess", "nonce=\"n\"", "nonce=\"n\",algorithm=md5",
        "nonce=\"n\",nonce=\"m\",algorithm=md5-sess", "nonce=\"n,algorithm=md5-sess", "nonce=\"n\\",
        "nonce=\"n\"x,algorithm=md5-sess",
        "nonce=\"n\",algorithm=md5-sess,qop=\"auth-conf,auth-int\""}) {
    CAPTURE(challenge);
    CHECK_FALSE(exchange().step(challenge).has_value());
  }
  CHECK(exchange().step(kChallenge + ",qop=\"auth,auth-int\"").has_value());
}

TEST_CASE("sasl: names and passwords with characters that must be quoted or beyond ASCII") {
  const auto answer = exchange("a\"b\\c", "x").step(kChallenge);
  REQUIRE(answer);
  CHECK(answer->find("username=\"a\\\"b\\\\c\",") != std::string::npos);
  // Hashed as ISO 8859-1 where that has all of them (RFC 2831), so these two differ.
  const auto latin = exchange("bob", "p\xc3\xa4ss").step(kChallenge);
  const auto raw = exchange("bob", "p\xe4ss").step(kChallenge);
  CHECK(latin == raw);
  CHECK(exchange("bob", "p\xe2\x82\xac\xc3\xa4").step(kChallenge) !=
        exchange("bob", "p\xe2\x82\xac\xe4").step(kChallenge));
}

TEST_CASE("sasl: the session is connected once both sides know each other, then all that waits") {
  CoreFixture f(with_login());
  f.start();
  f.add_auth("ann:secret");
  f.submit(OpCode::GetData, "/a");
  f.serve();
  CHECK(f.core.in_handshake());
  REQUIRE(f.sent.size() == 1);
  CHECK(f.sent[0].op == OpCode::Sasl);
  CHECK(f.sent[0].xid > 0);
  CHECK(token_of(f.sent[0]).empty());
  f.reply_next(0, Code::Ok, token_body(kChallenge));
  REQUIRE(f.sent.size() == 2);
  CHECK(f.sent[1].xid != f.sent[0].xid);
  CHECK(f.log.empty());
  CHECK(f.core.state() == SessionState::Connecting);
  f.submit(OpCode::GetData, "/b");
  CHECK(f.sent.size() == 2);
  f.reply_next(0, Code::Ok, token_body("rspauth=" + proof_for(token_of(f.sent[1]))));
  CHECK(f.log == Lines{"connected"});
  REQUIRE(f.sent.size() == 5);
  CHECK(f.sent[2].op == OpCode::Auth);
  CHECK(f.sent[3].op == OpCode::GetData);
  f.next_reply = 3;
  f.reply_next(5);
  f.reply_next(6);
  CHECK(f.completed.size() == 2);
}

TEST_CASE("sasl: each link is logged in on, before watches are set again") {
  CoreFixture f(with_login());
  f.up();
  let_in(f);
  f.submit(OpCode::GetData, "/w", 1);
  f.reply_next(5);
  f.lose_link();
  f.sent.clear();
  f.next_reply = 0;
  f.log.clear();
  f.serve();
  REQUIRE(f.sent.size() == 1);
  CHECK(f.sent[0].op == OpCode::Sasl);
  let_in(f);
  CHECK(f.log == Lines{"reconnected"});
  CHECK(f.sent.back().op == OpCode::SetWatches);
}

TEST_CASE("sasl: a wrong password, a server without logins or without proof end the session") {
  const auto ends = [](auto answer) {
    CoreFixture f(with_login());
    f.start();
    f.submit(OpCode::GetData, "/a");
    f.serve();
    answer(f);
    CHECK(f.core.state() == SessionState::AuthFailed);
    CHECK(f.log == Lines{"done 1 -115", "auth failed"});
    CHECK(f.core.next_deadline_ms() == SessionCore::kNever);
    REQUIRE(f.disconnects.size() == 1);
  };
  ends([](CoreFixture& f) { f.reply_next(0, Code::Ok, token_body(std::nullopt)); });
  ends([](CoreFixture& f) {
    f.reply_next(0, Code::Ok, token_body(kChallenge));
    f.reply_next(0, Code::AuthFailed, token_body(std::nullopt));
  });
  ends([](CoreFixture& f) {
    f.reply_next(0, Code::Ok, token_body(kChallenge));
    f.reply_next(0, Code::SessionClosedRequireSaslAuth);
  });
  ends([](CoreFixture& f) {
    f.reply_next(0, Code::Ok, token_body(kChallenge));
    f.reply_next(0, Code::Ok, token_body("rspauth=00000000000000000000000000000000"));
  });
}

TEST_CASE("sasl: a link that breaks or lasts too long in the middle of it, an answer to nothing") {
  CoreFixture f(with_login());
  f.start();
  f.serve();
  f.lose_link();
  CHECK(f.connects.size() == 2);
  f.serve();
  f.advance(1'000);
  CHECK(f.connects.size() == 3);
  f.serve();
  f.reply(999, 0, Code::Ok, token_body(kChallenge));
  CHECK(f.disconnects.back() == ErrorCode(ClientErrc::ProtocolFault));
  // All three hosts have failed: after a pause they are tried again.
  f.advance(100);
  CHECK(f.connects.size() == 4);
  f.next_reply = f.sent.size();
  f.serve();
  CHECK(f.handshakes.back().session_id == SessionId{0x1234});
  let_in(f);
  CHECK(f.core.linked());
  // For whom it serves the session is new: nobody has heard of it before.
  CHECK(f.log == Lines{"connected"});
}
