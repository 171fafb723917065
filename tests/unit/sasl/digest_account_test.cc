// Both sides of DIGEST-MD5 by the library, with one another; beside Java's:
// tests/e2e/quorum_sasl_test.py.
#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "server/sasl/digest_login.h"
#include "server/sasl/digest_response.h"

namespace quorate::server {
namespace {

using Kind = SaslStep::Kind;

std::unique_ptr<SaslLogin> users(const DigestPlace& place = kServersLogin) {
  std::string fault;
  auto login = open_digest_login({{"zk", "p\xc3\xa4ss w\"rd\\"}, {"b c", "x"}}, place, fault);
  REQUIRE_MESSAGE(login != nullptr, fault);
  return login;
}

std::unique_ptr<SaslLogin> account(const std::string& user, const std::string& password,
                                   const DigestPlace& place = kServersLogin) {
  std::string fault;
  auto login = open_digest_account(user, password, place, fault);
  REQUIRE_MESSAGE(login != nullptr, fault);
  return login;
}

struct Outcome {
  SaslStep here, there;
};

/// Carries the tokens until a side is done.
Outcome log_in(SaslLogin& from, SaslLogin& to) {
  const auto here = from.begin(), there = to.begin();
  Outcome last;
  for (int i = 0; i < 5; ++i) {
    last.here = here->step(last.there.token.value_or(""));
    if (last.here.ends()) break;
    last.there = there->step(last.here.token.value_or(""));
    if (last.there.kind == Kind::Failed) break;
  }
  return last;
}

}  // namespace

TEST_CASE("digest account: both sides prove that they know the password, as often as one likes") {
  const auto server = users();
  const auto other = account("b c", "x");
  const auto own = account("zk", "p\xc3\xa4ss w\"rd\\");
  for (int i = 0; i < 5; ++i) {
    CAPTURE(i);
    for (const auto& [login, name] : {std::pair(own.get(), "zk"), std::pair(other.get(), "b c")}) {
      const Outcome outcome = log_in(*login, *server);
      CHECK(outcome.there.kind == Kind::LoggedIn);
      CHECK(outcome.there.text == name);
      CHECK(outcome.here.kind == Kind::LoggedIn);
      CHECK(outcome.here.text == name);
    }
  }
}

TEST_CASE("digest account: a wrong password, an unknown user") {
  const auto server = users();
  CHECK(log_in(*account("zk", "other"), *server).there.kind == Kind::Failed);
  CHECK(log_in(*account("eve", "x"), *server).there.kind == Kind::Failed);
}

TEST_CASE("digest account: a server that does not know the password proves nothing") {
  const auto own = account("zk", "p\xc3\xa4ss w\"rd\\");
  const auto server = users();
  for (const std::string& proof :
       {std::string("rspauth=00000000000000000000000000000000"), std::string(), std::string("x"),
        std::string("rspauth="), std::string(5000, 'x')}) {
    CAPTURE(proof);
    const auto here = own->begin(), there = server->begin();
    const SaslStep response = here->step(there->step(here->step("").token.value()).token.value());
    REQUIRE(response.kind == Kind::Challenge);
    CHECK(here->step(proof).kind == Kind::Failed);
  }
}

TEST_CASE("digest account: garbage in the place of a challenge") {
  const auto own = account("zk", "x");
  for (const std::string& challenge :
       {std::string(), std::string("garbage"), std::string(4096, ','), std::string(4096, '"'),
        std::string("nonce=\"a\""), std::string("realm=\"r\",algorithm=md5-sess"),
        digest_challenge("a", kClientsLogin),
        digest_challenge(std::string("a\0b", 3), kServersLogin),
        std::string("realm=\"zk-quorum-sasl-md5\",nonce=\"a\",algorithm=md5")}) {
    CAPTURE(challenge);
    const auto here = own->begin();
    here->step("");
    CHECK(here->step(challenge).kind == Kind::Failed);
  }
}

TEST_CASE("digest account: a login of servers is none of clients, nor the other way round") {
  CHECK(log_in(*account("b c", "x", kClientsLogin), *users()).here.kind == Kind::Failed);
  CHECK(log_in(*account("b c", "x"), *users(kClientsLogin)).here.kind == Kind::Failed);
  CHECK(log_in(*account("b c", "x", kClientsLogin), *users(kClientsLogin)).there.kind ==
        Kind::LoggedIn);
}

TEST_CASE("digest account: on several threads at once") {
  std::vector<int> right(2, 0);
  const auto work = [](int& count) {
    std::string fault;
    const auto server = open_digest_login({{"zk", "x"}}, kServersLogin, fault);
    const auto own = open_digest_account("zk", "x", kServersLogin, fault);
    if (!server || !own) return;
    for (int i = 0; i < 100; ++i) count += log_in(*own, *server).here.kind == Kind::LoggedIn;
  };
  std::thread one([&] { work(right[0]); });
  std::thread two([&] { work(right[1]); });
  one.join();
  two.join();
  CHECK(right == std::vector<int>{100, 100});
}

}  // namespace quorate::server
