// A transaction whose reply, or request, is lost at just that moment.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "quorate/sync_client.h"
#include "quorate/sync_retry.h"
#include "quorate/testing/fake.h"

namespace quorate::client {
namespace {

using testing::FakeEnsemble;
using testing::Op;
using testing::Request;

struct Fixture {
  Fixture() : client(fake.options()), retry(client) {
    REQUIRE(client.connect().ok());
    fake.create("/q");
    fake.create("/config", "old");
  }
  FakeEnsemble fake;
  SyncClient client;
  SyncRetry retry;
};

/// Strikes the transaction: its reply, or itself.
template <class Check>
void twice(Check check) {
  for (const bool reply : {true, false}) {
    Fixture f;
    CAPTURE(reply);
    reply ? f.fake.lose_reply(Op::Commit) : f.fake.lose_request(Op::Commit);
    check(f, reply);
    CHECK(f.fake.all_struck());
  }
}

TEST_CASE("retry commit: a sequential create tells of all; done once, the reply is complete") {
  twice([](Fixture& f, bool) {
    Transaction change;
    const auto item = change.create("/q/item-", "x", CreateMode::PersistentSequential);
    const auto set = change.set_data("/config", "new");
    const auto made = f.retry.commit(change);
    REQUIRE_MESSAGE(made.ok(), made.message);
    REQUIRE(f.fake.children("/q").size() == 1);
    CHECK(made.value[item].path == "/q/" + f.fake.children("/q")[0]);
    CHECK(made.value[item].stat.czxid != 0);
    CHECK(made.value[set].version == 1);
    CHECK(f.fake.stat("/config")->version == 1);
  });
}

TEST_CASE("retry commit: so does an ephemeral node, if it is our session's") {
  twice([](Fixture& f, bool) {
    Transaction change;
    change.create("/q/leader", "me", CreateMode::Ephemeral);
    change.set_data("/config", "mine");
    CHECK(f.retry.commit(change).ok());
    CHECK(f.fake.stat("/config")->version == 1);
  });
}

TEST_CASE("retry commit: an ephemeral node of another session's is an answer") {
  Fixture f;
  SyncClient other(f.fake.options());
  REQUIRE(other.connect().ok());
  CHECK(other.create("/q/leader", "me", CreateMode::Ephemeral).ok());
  f.fake.lose_request(Op::Commit);
  Transaction change;
  change.create("/q/leader", "me", CreateMode::Ephemeral);
  change.set_data("/config", "mine");
  CHECK(f.retry.commit(change).code == Code::NodeExists);
  CHECK(f.fake.get("/config") == "old");
}

TEST_CASE("retry commit: so does data that follows on a version") {
  twice([](Fixture& f, bool) {
    Transaction change;
    const auto set = change.set_data("/config", "unique", 0);
    change.create("/q/plain", "");
    const auto made = f.retry.commit(change);
    REQUIRE_MESSAGE(made.ok(), made.message);
    CHECK(made.value[set].version == 1);
    CHECK(f.fake.get("/q/plain").has_value());
  });
}

TEST_CASE("retry commit: data of another's on that version: ours was not carried out") {
  Fixture f;
  f.fake.before(Op::Commit, [&] {
    f.fake.set("/config", "faster");
    f.fake.cut();
  });
  Transaction change;
  change.set_data("/config", "unique", 0);
  CHECK(f.retry.commit(change).code == Code::BadVersion);
}

TEST_CASE("retry commit: further versions behind it: whose came first cannot be told") {
  twice([](Fixture& f, bool reply) {
    f.fake.before(Op::Sync, [&] {
      f.fake.set("/config", "one");
      f.fake.set("/config", "two");
    });
    Transaction change;
    change.set_data("/config", "unique", 0);
    const auto made = f.retry.commit(change);
    CHECK(made.code == Code::SystemError);
    CHECK(f.fake.stat("/config")->version == (reply ? 3 : 2));
  });
}

TEST_CASE("retry commit: without a witness a refusal of a later try is no answer") {
  twice([](Fixture& f, bool reply) {
    Transaction change;
    change.create("/q/plain", "");
    change.check("/config", 0);
    const auto made = f.retry.commit(change);
    CHECK(made.ok() == !reply);
    if (reply) CHECK(made.message.find("earlier try") != std::string::npos);
    CHECK(f.fake.get("/q/plain").has_value());
  });
}

TEST_CASE("retry commit: what is refused at the first try is refused") {
  Fixture f;
  Transaction change;
  change.create("/q", "");
  CHECK(f.retry.commit(change).code == Code::NodeExists);
  CHECK(f.fake.count(Op::Commit) == 1);
}

TEST_CASE("retry commit: however often it is lost, at whichever request") {
  for (int number = 1; number <= 6; ++number) {
    Fixture f;
    CAPTURE(number);
    f.fake.lose_reply(Op::Commit);
    f.fake.lose_reply(Request(Op::Any).nth(number));
    f.fake.lose_request(Request(Op::Any).nth(number));
    Transaction change;
    change.create("/q/item-", "x", CreateMode::PersistentSequential);
    CHECK(f.retry.commit(change).ok());
    CHECK(f.fake.children("/q").size() == 1);
  }
}

}  // namespace
}  // namespace quorate::client
