#include "server/replica/reaper.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/standalone_replica.h"
#include "znode/node.h"

namespace quorate::server {
namespace {

constexpr ConnectionId kA{1};

ReplicaOptions reaping(std::int64_t per_minute = 60000) {
  ReplicaOptions options;
  options.ops.extended_types_enabled = true;
  options.reaper.check_interval_ms = 1000;
  options.reaper.max_per_minute = per_minute;
  options.reaper.rules.ttl_nodes = true;
  return options;
}

/// Time passes, and the disk keeps up.
void pass(StandaloneReplica& server, std::int64_t ms, std::int64_t step = 100) {
  for (std::int64_t gone = 0; gone < ms; gone += step) {
    server.tick(step);
    server.sync();
  }
}

void container(StandaloneReplica& server, std::int32_t xid, const std::string& path) {
  server.put(kA, xid, OpCode::CreateContainer, CreateRequest{path, "", open_acl(), 4});
  server.put_create(kA, xid + 1, path + "/x");
  server.put(kA, xid + 2, OpCode::Delete, DeleteRequest{path + "/x", -1});
  server.settle();
}

void ttl_node(StandaloneReplica& server, std::int32_t xid, const std::string& path,
              std::int64_t ttl_ms) {
  server.put(kA, xid, OpCode::CreateTtl, CreateTtlRequest{path, "", open_acl(), 5, ttl_ms});
  server.settle();
}

}  // namespace

TEST_CASE("reaper: an empty container goes at the next look, by a txn of its own") {
  StandaloneReplica server(reaping());
  server.client(kA, 40000);
  container(server, 1, "/c");
  REQUIRE(server.replica->tree().find("/c") != nullptr);
  const std::int64_t before = server.applied();
  pass(server, 1100);
  CHECK(server.replica->tree().find("/c") == nullptr);
  CHECK(server.applied() == before + 1);
  pass(server, 5000);
  CHECK(server.applied() == before + 1);  // nothing due, nothing proposed
}

TEST_CASE("reaper: a TTL node lives its time, and again after each write") {
  StandaloneReplica server(reaping());
  server.client(kA, 40000);
  ttl_node(server, 1, "/t", 2500);
  pass(server, 2000);
  server.put(kA, 2, OpCode::SetData, SetDataRequest{"/t", "x", -1});
  server.settle();
  pass(server, 2000);
  CHECK(server.replica->tree().find("/t") != nullptr);
  pass(server, 2000);
  CHECK(server.replica->tree().find("/t") == nullptr);
}

TEST_CASE("reaper: no more than so many a minute") {
  StandaloneReplica server(reaping(/*per_minute=*/120));
  server.client(kA, 40000);
  for (int i = 0; i < 6; ++i) container(server, 10 * i + 1, "/c" + std::to_string(i));
  const std::size_t all = server.replica->tree().containers().size();
  REQUIRE(all == 6);
  pass(server, 2000);  // one look after 1 s, then one node every half second
  const std::size_t left = server.replica->tree().containers().size();
  CHECK(left >= 3);
  CHECK(left <= 4);
  pass(server, 3000);
  CHECK(server.replica->tree().containers().empty());
}

TEST_CASE("reaper: what many nodes need is spread over ticks") {
  znode::DataTree tree;
  Reaper reaper({1000, 60000, {}});
  reaper.lead(0);
  reaper.tick(tree, 999, 0);
  CHECK(reaper.due(999) == nullptr);
  reaper.tick(tree, 1000, 0);
  CHECK(reaper.due(1000) == nullptr);
  reaper.stop();
  reaper.tick(tree, 5000, 0);
  CHECK(reaper.due(5000) == nullptr);
}

}  // namespace quorate::server
