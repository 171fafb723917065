#include "tests/client/live.h"

using namespace quorate;
using namespace quorate::client;
using namespace quorate::client::live;

TEST_CASE("multi: all happens in one txn, each result has its type") {
  Session s;
  REQUIRE(s.client.create(s.at("old"), "").ok());
  Transaction t;
  const auto checked = t.check(s.path, 0);
  const auto a = t.create(s.at("a"), "1");
  const auto item = t.create(s.at("item-"), "", CreateMode::EphemeralSequential);
  const auto box = t.create(s.at("box"), "", CreateMode::Container);
  const auto brief = t.create(s.at("brief"), "", CreateOptions(CreateMode::PersistentWithTtl, 60s));
  const auto set = t.set_data(s.path, "new", 0);
  const auto gone = t.remove(s.at("old"));
  const auto done = s.client.commit(std::move(t));
  REQUIRE_MESSAGE(done.ok(), done.message);
  const TransactionReply& reply = done.value;
  CHECK(reply.failed == TransactionReply::kNone);
  CHECK(reply.code(checked) == Code::Ok);
  CHECK(reply.code(gone) == Code::Ok);
  CHECK(reply[a].path == s.at("a"));
  CHECK(reply[item].path.starts_with(s.at("item-0")));
  CHECK(reply[box].path == s.at("box"));
  CHECK(reply[brief].path == s.at("brief"));
  CHECK(reply[set].version == 1);
  const auto there = s.client.exists(s.at("a"));
  CHECK(there.value.czxid == reply[set].mzxid);
  CHECK(s.client.exists(s.at("old")).code == Code::NoNode);
}

TEST_CASE("multi: one failure undoes all, and says which operation it was") {
  Session s;
  Transaction t;
  const auto before = t.create(s.at("a"), "");
  const auto bad = t.remove(s.at("none"));
  const auto after = t.create(s.at("b"), "");
  const auto done = s.client.commit(std::move(t));
  CHECK(done.code == Code::NoNode);
  CHECK(done.message.find("operation 2 of 3, " + s.at("none")) != std::string::npos);
  CHECK(done.value.failed == 1);
  CHECK(done.value.code(before) == Code::Ok);
  CHECK(done.value.code(bad) == Code::NoNode);
  CHECK(done.value.code(after) == Code::RuntimeInconsistency);
  CHECK(s.client.exists(s.at("a")).code == Code::NoNode);
  CHECK(s.client.commit(Transaction()).ok());
}

TEST_CASE("multiRead: reads together, each fails for itself") {
  Session s;
  REQUIRE(s.client.create(s.at("a"), "1").ok());
  ReadBatch batch;
  const auto data = batch.get_data(s.at("a"));
  const auto none = batch.get_data(s.at("none"));
  const auto children = batch.get_children(s.path);
  const auto read = s.client.multi_read(std::move(batch));
  REQUIRE_MESSAGE(read.ok(), read.message);
  CHECK(read.value[data].data == "1");
  CHECK(read.value[data].stat == s.client.exists(s.at("a")).value);
  CHECK(read.value.code(none) == Code::NoNode);
  CHECK(read.value[children] == std::vector<std::string>{"a"});
}
