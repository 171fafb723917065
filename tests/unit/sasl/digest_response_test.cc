#include "server/sasl/digest_response.h"

#include <doctest/doctest.h>

namespace quorate::server {
namespace {

const std::string kGood =
    R"(charset=utf-8,username="bob",realm="zk-sasl-md5",nonce="n",nc=00000001,cnonce="c",)"
    R"(digest-uri="zookeeper/zk-sasl-md5",maxbuf=65536,response=0123,qop=auth)";

std::optional<DigestResponse> good(const std::string& token) {
  std::string fault;
  auto response = parse_digest_response(token, kClientsLogin, fault);
  CHECK(fault.empty());
  REQUIRE(response.has_value());
  return response;
}

std::string fault(const std::string& token) {
  std::string fault;
  CHECK_FALSE(parse_digest_response(token, kClientsLogin, fault).has_value());
  return fault;
}

std::string with(const std::string& from, const std::string& to) {
  std::string text = kGood;
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("digest response: directives in any order and any case, blanks and odd commas between") {
  const auto response = good(kGood);
  CHECK(response->user == "bob");
  CHECK(response->nonce == "n");
  CHECK(response->cnonce == "c");
  CHECK(response->uri == "zookeeper/zk-sasl-md5");
  CHECK(response->response == "0123");
  CHECK_FALSE(response->authzid);
  const auto other =
      good(R"( ,RESPONSE = 0123 ,, digest-uri="ZooKeeper/ZK-sasl-md5", Cnonce="c",nonce="n",)"
           R"(realm="zk-sasl-md5",username="b\"o\\b",authzid="",unknown=1,unknown=2,)");
  CHECK(other->user == "b\"o\\b");
  CHECK(other->uri == "ZooKeeper/ZK-sasl-md5");
  CHECK(other->authzid == "");
  // ZooKeeper's Java passes over both.
  good(kGood + ",lone");
  good(with("nc=00000001", "nc=7,nc=x"));
}

TEST_CASE("digest response: its plainest form reads as the same") {
  const auto response = good(with("bob", R"(b\"o\\b)") + R"(,authzid="a\"")");
  const auto again = good(response->text());
  CHECK(again->user == response->user);
  CHECK(again->authzid == "a\"");
  CHECK(again->text() == response->text());
  CHECK(response->text().find("maxbuf") == std::string::npos);
}

TEST_CASE("digest response: what ZooKeeper refuses whatever the password is") {
  for (const char* nothing : {"", "garbage", "\xff\xfe"})
    CHECK(fault(nothing) == "username is missing");
  for (const char* name :
       {"username=\"bob\",", "nonce=\"n\",", "cnonce=\"c\",", "response=0123,"}) {
    CAPTURE(name);
    CHECK(fault(with(name, "")).ends_with(" is missing"));
  }
  CHECK(fault(with("realm=\"zk-sasl-md5\",", "")) == "another realm than zk-sasl-md5");
  CHECK(fault(with("realm=\"zk-sasl-md5\"", "realm=\"zk\"")) == "another realm than zk-sasl-md5");
  CHECK(fault(with("zookeeper/zk", "zookeeper/host")).starts_with("another digest-uri than"));
  CHECK(fault(with("zookeeper/zk", "kafka/zk")).starts_with("another digest-uri than"));
  CHECK(fault(with("utf-8", "ascii")) == "another charset than utf-8");
  CHECK(fault(with("qop=auth", "qop=auth-int")) == "another qop than auth");
  for (const char* twice :
       {"username=\"eve\"", "realm=\"zk-sasl-md5\"", "nonce=\"n\"", "cnonce=\"c\"", "qop=auth",
        "response=0123", "charset=utf-8", "maxbuf=1", "DIGEST-URI=\"x\""}) {
    CAPTURE(twice);
    CHECK(fault(kGood + ',' + twice).ends_with(" comes twice"));
  }
  for (const std::string& broken :
       {std::string("a,b=c"), std::string("=x"), std::string("a b=c"), std::string("a=\"b"),
        std::string("a=\"b\\"), std::string("a=\"b\"c"), std::string("a="), std::string("a=b\"c"),
        std::string("a=b c"), kGood + '\0', kGood + ",lone,qop"}) {
    CAPTURE(broken);
    CHECK(fault(broken) == "malformed token");
  }
}

TEST_CASE("digest response: every cut of a good one is read or refused") {
  for (std::size_t size = 0; size <= kGood.size(); ++size) {
    std::string fault;
    const auto response = parse_digest_response(kGood.substr(0, size), kClientsLogin, fault);
    CHECK(response.has_value() == fault.empty());
  }
}

TEST_CASE("digest challenge: as ZooKeeper's, without a qop (client-protocol 12)") {
  CHECK(digest_challenge("abc", kClientsLogin) ==
        R"(realm="zk-sasl-md5",nonce="abc",charset=utf-8,algorithm=md5-sess)");
  CHECK(digest_directive(digest_challenge("a=b,c", kClientsLogin), "nonce") == "a=b,c");
  CHECK_FALSE(digest_directive("realm=\"x\"", "nonce"));
}

}  // namespace quorate::server
