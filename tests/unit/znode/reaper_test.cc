#include "znode/reaper.h"

#include "tests/unit/znode/tree_fixture.h"

namespace quorate::znode {
namespace {

struct ReapFixture : TreeFixture {
  ReapFixture() { options.extended_types_enabled = rules.ttl_nodes = true; }

  void container(std::string path) {
    REQUIRE(
        submit(kAlice, OpCode::CreateContainer, CreateRequest{std::move(path), "", open_acl(), 4})
            .error == Code::Ok);
  }
  void ttl_node(std::string path, std::int64_t ttl_ms) {
    REQUIRE(submit(kAlice, OpCode::CreateTtl,
                   CreateTtlRequest{std::move(path), "", open_acl(), 5, ttl_ms})
                .error == Code::Ok);
  }
  std::vector<std::string> due(std::int64_t wall_ms) const {
    std::vector<std::string> found;
    ReapScan scan;
    while (!scan.done()) scan.step(tree, 2, wall_ms, rules, found);
    return found;
  }
  /// Proposed and applied; false when it was not due any more.
  bool reap(const std::string& path, std::int64_t wall_ms) {
    const auto txn = prepare_reap(pending, rules, path, zxid.next(), wall_ms);
    if (!txn) return false;
    zxid = zxid.next();
    land(*txn);
    return true;
  }

  ReapRules rules;
};

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("reaper: a container is due once it has had a child and has none") {
  ReapFixture f;
  f.container("/new");
  f.container("/used");
  f.container("/full");
  for (const char* path : {"/used/a", "/full/a"}) REQUIRE(f.create(path) == Code::Ok);
  REQUIRE(f.remove("/used/a") == Code::Ok);
  REQUIRE(f.create("/plain") == Code::Ok);
  CHECK(f.due(f.time_ms) == Paths{"/used"});
  CHECK(f.due(f.time_ms + 1'000'000'000) == Paths{"/used"});
}

TEST_CASE("reaper: a container that was never used goes only when a time is set for it") {
  ReapFixture f;
  f.container("/new");
  const std::int64_t born = f.time_ms;
  f.rules.max_never_used_ms = 500;
  CHECK(f.due(born + 500).empty());
  CHECK(f.due(born + 501) == Paths{"/new"});
}

TEST_CASE("reaper: a TTL node is due when nobody wrote it for so long and it has no child") {
  ReapFixture f;
  f.ttl_node("/t", 100);
  const std::int64_t born = f.time_ms;
  CHECK(f.due(born + 100).empty());
  CHECK(f.due(born + 101) == Paths{"/t"});
  REQUIRE(f.create("/t/child") == Code::Ok);
  CHECK(f.due(born + 101).empty());
  REQUIRE(f.remove("/t/child") == Code::Ok);
  CHECK(f.due(born + 101) == Paths{"/t"});  // children do not renew the time
  REQUIRE(f.set_data("/t", "x") == Code::Ok);
  CHECK(f.due(f.time_ms + 100).empty());
  CHECK(f.due(f.time_ms + 101) == Paths{"/t"});
  f.rules.ttl_nodes = false;
  CHECK(f.due(f.time_ms + 101).empty());
}

TEST_CASE("reaper: a look goes on where it stopped, over nodes that come and go") {
  ReapFixture f;
  for (const char* path : {"/a", "/b", "/c", "/d"}) {
    f.container(path);
    REQUIRE(f.create(std::string(path) + "/x") == Code::Ok);
    REQUIRE(f.remove(std::string(path) + "/x") == Code::Ok);
  }
  f.ttl_node("/t", 1);
  ReapScan scan;
  Paths found;
  scan.step(f.tree, 2, f.time_ms + 10, f.rules, found);
  CHECK(found == Paths{"/a", "/b"});
  REQUIRE(f.remove("/b") == Code::Ok);
  REQUIRE(f.remove("/c") == Code::Ok);
  CHECK_FALSE(scan.done());
  while (!scan.done()) scan.step(f.tree, 2, f.time_ms + 10, f.rules, found);
  CHECK(found == Paths{"/a", "/b", "/d", "/t"});
}

TEST_CASE("reaper: the delete is a txn like any other, with its events") {
  ReapFixture f;
  f.ttl_node("/t", 100);
  const std::int64_t born = f.time_ms;
  REQUIRE(f.reap("/t", born + 101));
  CHECK(f.tree.find("/t") == nullptr);
  CHECK(f.tree.ttl_nodes().empty());
  CHECK(f.last.header.type == OpCode::DeleteContainer);
  CHECK(f.last.header.client_id == SessionId{});
  REQUIRE(f.last.fires.size() == 2);
  CHECK(f.last.fires[0].type == EventType::NodeDeleted);
  CHECK(f.last.fires[1].type == EventType::NodeChildrenChanged);
  CHECK(f.stat("/").pzxid == f.zxid.value);
}

TEST_CASE("reaper: what is not due any more as of the txns in flight is left alone") {
  ReapFixture f;
  f.ttl_node("/t", 100);
  f.container("/c");
  REQUIRE(f.create("/c/x") == Code::Ok);
  REQUIRE(f.remove("/c/x") == Code::Ok);
  const std::int64_t late = f.time_ms + 1000;
  f.time_ms = late - 50;
  const Bytes write = f.prepare_only(kAlice, OpCode::SetData, SetDataRequest{"/t", "new"});
  const Bytes child =
      f.prepare_only(kAlice, OpCode::Create, CreateRequest{"/c/y", "", open_acl(), 0});
  CHECK_FALSE(f.reap("/t", late));
  CHECK_FALSE(f.reap("/c", late));
  CHECK_FALSE(f.reap("/gone", late));
  CHECK_FALSE(f.reap("/zookeeper", late));
  f.land(write);
  f.land(child);
  CHECK(f.tree.find("/t") != nullptr);
  // A create behind a delete in flight does not find its parent.
  const auto reaping = prepare_reap(f.pending, f.rules, "/t", f.zxid.next(), late + 1000);
  REQUIRE(reaping.has_value());
  f.zxid = f.zxid.next();
  const Bytes late_child =
      f.prepare_only(kAlice, OpCode::Create, CreateRequest{"/t/y", "", open_acl(), 0});
  f.land(*reaping);
  CHECK(f.land(late_child).error == Code::NoNode);
}

}  // namespace quorate::znode
