// DIGEST-MD5 by the library, with a client that hashes by itself (RFC 2831, section 2.1.2).
#include "server/sasl/digest_login.h"

#include <doctest/doctest.h>
#include <openssl/evp.h>

#include <thread>
#include <vector>

#include "server/sasl/digest_response.h"
#include "tests/golden/captures.h"

namespace quorate::server {
namespace {

using Kind = SaslStep::Kind;

std::string md5(const std::string& text) {
  std::string hash(16, '\0');
  REQUIRE(EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(hash.data()),
                     nullptr, EVP_md5(), nullptr) == 1);
  return hash;
}

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

struct Client {
  std::string user = "bob", password = "bobsecret", realm = "zk-sasl-md5", cnonce = "0123456789";
  std::string uri = "zookeeper/zk-sasl-md5";
  std::optional<std::string> authzid = {};

  std::string hashed(const std::string& nonce, const std::string& method) const {
    const std::string secret = md5(user + ':' + realm + ':' + password);
    const std::string who = authzid ? ':' + *authzid : "";
    const std::string first = hex(md5(secret + ':' + nonce + ':' + cnonce + who));
    const std::string second = hex(md5(method + ':' + uri));
    return hex(md5(first + ':' + nonce + ":00000001:" + cnonce + ":auth:" + second));
  }
  std::string token(const std::string& nonce) const {
    const std::string hash = hashed(nonce, "AUTHENTICATE");
    return DigestResponse{kClientsLogin, user, nonce, cnonce, uri, hash, authzid}.text();
  }
};

const SaslUsers kUsers = {{"bob", "bobsecret"}, {"ann", "p\xc3\xa4ss w\"rd\\"}, {"b c", "x"}};

std::unique_ptr<SaslLogin> login() {
  std::string fault;
  auto opened = open_digest_login(kUsers, kClientsLogin, fault);
  REQUIRE_MESSAGE(opened != nullptr, fault);
  return opened;
}

std::string challenged(SaslConversation& conversation) {
  const SaslStep step = conversation.step("");
  REQUIRE(step.kind == Kind::Challenge);
  const auto nonce = digest_directive(*step.token, "nonce");
  REQUIRE(nonce.has_value());
  CHECK(*step.token == digest_challenge(*nonce, kClientsLogin));
  return *nonce;
}

SaslStep outcome(SaslLogin& login, const Client& client) {
  const auto conversation = login.begin();
  return conversation->step(client.token(challenged(*conversation)));
}

}  // namespace

TEST_CASE("digest login: challenge and proof have the form of a recorded login of ZooKeeper") {
  if (!golden::available()) return;
  std::map<std::string, std::string> tokens;
  golden::each_line("captures/golden-3.8.0-sasl.jsonl", [&](const golden::Json& line) {
    const auto& body = line["decoded"].value("body", golden::Json::object());
    const auto token = body.find("token");
    if (token == body.end() || token->is_null()) return;
    const Bytes bytes = golden::from_hex((*token)["hex"]);
    tokens[line["name"]] = std::string(as_text(bytes));
  });
  const std::string challenge = tokens.at("sasl.digest_md5.step1.response");
  const std::string nonce = digest_directive(challenge, "nonce").value();
  CHECK(digest_challenge(nonce, kClientsLogin) == challenge);
  std::string fault;
  const auto response =
      parse_digest_response(tokens.at("sasl.digest_md5.step2.request"), kClientsLogin, fault);
  REQUIRE_MESSAGE(response.has_value(), fault);
  Client client;
  client.cnonce = response->cnonce;
  CHECK(client.hashed(nonce, "AUTHENTICATE") == response->response);
  CHECK("rspauth=" + client.hashed(nonce, "") == tokens.at("sasl.digest_md5.step2.response"));
}

TEST_CASE("digest login: the right password, and the server's proof that it knows it, too") {
  const auto server = login();
  for (const auto& [user, password] : kUsers) {
    CAPTURE(user);
    Client client;
    client.user = user;
    client.password = password;
    const auto conversation = server->begin();
    const std::string nonce = challenged(*conversation);
    const SaslStep step = conversation->step(client.token(nonce));
    REQUIRE(step.kind == Kind::LoggedIn);
    CHECK(step.text == user);
    CHECK(step.token == "rspauth=" + client.hashed(nonce, ""));
  }
}

TEST_CASE("digest login: for whom a client wants to act has no say, but is part of the hash") {
  const auto server = login();
  Client client;
  for (const char* other : {"", "ann", "super", " "}) {
    CAPTURE(other);
    client.authzid = other;
    const SaslStep step = outcome(*server, client);
    REQUIRE(step.kind == Kind::LoggedIn);
    CHECK(step.text == "bob");
  }
}

TEST_CASE("digest login: a wrong password, an unknown user, a name with blanks around it") {
  const auto server = login();
  Client wrong;
  wrong.password = "bobsecret2";
  CHECK(outcome(*server, wrong).text == "wrong user or password user=bob");
  for (const char* user : {"eve", "Bob", " bob", "bob ", "bob@zk-sasl-md5", "", "b\tc\n"}) {
    CAPTURE(user);
    Client client;
    client.user = user;
    const SaslStep step = outcome(*server, client);
    CHECK(step.kind == Kind::Failed);
    CHECK(step.text.find('\n') == std::string::npos);
  }
  Client longer;
  longer.user = std::string(2000, 'x');
  CHECK(outcome(*server, longer).text.size() < 200);
}

TEST_CASE("digest login: steps in a wrong order, tokens too long, garbage") {
  const auto server = login();
  CHECK(server->begin()->step("as Java, which begins with any words").kind == Kind::Challenge);
  const auto conversation = server->begin();
  CHECK(conversation->step(std::string(5000, 'x')).kind == Kind::Refused);
  const std::string nonce = challenged(*conversation);
  CHECK(conversation->step(std::string(4097, 'x')).kind == Kind::Refused);
  CHECK(conversation->step(Client{}.token(nonce)).kind == Kind::LoggedIn);
  for (const std::string& token :
       {std::string(), std::string("garbage"), std::string(4096, ','), std::string(4096, '"'),
        std::string(100, '\0'), digest_challenge("x", kClientsLogin)}) {
    const auto other = server->begin();
    challenged(*other);
    CHECK(other->step(token).kind == Kind::Failed);
  }
}

TEST_CASE("digest login: a token that was heard elsewhere is worth nothing") {
  const auto server = login();
  const auto first = server->begin(), second = server->begin();
  const std::string nonce = challenged(*first);
  CHECK(challenged(*second) != nonce);
  const std::string token = Client{}.token(nonce);
  CHECK(first->step(token).kind == Kind::LoggedIn);
  CHECK(second->step(token).kind == Kind::Failed);
}

TEST_CASE(
    "digest login: two servers of a process have users of their own, on threads of their own") {
  std::string fault;
  const auto here = login();
  const auto there = open_digest_login({{"bob", "other"}}, kClientsLogin, fault);
  REQUIRE(there != nullptr);
  std::vector<int> right(2, 0);
  const auto work = [](SaslLogin& server, const std::string& password, int& count) {
    for (int i = 0; i < 200; ++i) {
      const auto conversation = server.begin();
      const SaslStep first = conversation->step("");
      const auto nonce = digest_directive(first.token.value_or(""), "nonce");
      if (!nonce) continue;
      Client client;
      client.password = password;
      count += conversation->step(client.token(*nonce)).kind == Kind::LoggedIn;
    }
  };
  std::thread one([&] { work(*here, "bobsecret", right[0]); });
  std::thread two([&] { work(*there, "other", right[1]); });
  one.join();
  two.join();
  CHECK(right == std::vector<int>{200, 200});
}

}  // namespace quorate::server
