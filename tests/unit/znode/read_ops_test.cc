// exists, getData, getChildren, getACL, getEphemerals, setWatches, the event filter.
#include "tests/unit/znode/tree_fixture.h"
#include "znode/acl_table.h"

namespace quorate::znode {
namespace {

const AclList kWriteOnly{{perm::kWrite | perm::kAdmin, {"world", "anyone"}}};

}  // namespace

TEST_CASE("reads: missing, forbidden, found; a watch is set only where the table says") {
  struct Row {
    OpCode op;
    std::string path;
    Code expected;
    std::size_t watches;
  };
  for (const Row& row : {
           Row{OpCode::Exists, "/a", Code::Ok, 1},
           Row{OpCode::Exists, "/missing", Code::NoNode, 1},
           Row{OpCode::Exists, "/hidden", Code::NoAuth, 0},
           Row{OpCode::Exists, std::string("/\0", 2), Code::BadArguments, 0},
           Row{OpCode::GetData, "/a", Code::Ok, 1},
           Row{OpCode::GetData, "/missing", Code::NoNode, 0},
           Row{OpCode::GetData, "/hidden", Code::NoAuth, 0},
           Row{OpCode::GetData, "", Code::Ok, 1},
           Row{OpCode::GetData, "/a//b", Code::NoNode, 0},
           Row{OpCode::GetChildren, "/", Code::Ok, 1},
           Row{OpCode::GetChildren, "/missing", Code::NoNode, 0},
           Row{OpCode::GetChildren2, "/hidden", Code::NoAuth, 0},
       }) {
    CAPTURE(row.path);
    TreeFixture f;
    REQUIRE(f.create("/a") == Code::Ok);
    REQUIRE(f.create("/hidden") == Code::Ok);
    REQUIRE(f.set_acl("/hidden", kWriteOnly) == Code::Ok);
    CHECK(f.read_path(row.op, row.path, /*watch=*/true) == row.expected);
    CHECK(f.watches.size() == row.watches);
    if (row.expected != Code::Ok) CHECK(f.body.empty());
    CHECK(f.read_raw(row.op, Bytes(3), f.body) == Code::MarshallingError);
  }
}

TEST_CASE("getChildren: names in byte order, whatever the order of creates and deletes") {
  TreeFixture f;
  for (const char* name : {"/b", "/d", "/a", "/c"}) REQUIRE(f.create(name) == Code::Ok);
  REQUIRE(f.remove("/b") == Code::Ok);
  REQUIRE(f.read_path(OpCode::GetChildren2, "/") == Code::Ok);
  const auto reply = *decode_all<GetChildren2Response>(f.body);
  CHECK(reply.children == std::vector<std::string>{"a", "c", "d", "zookeeper"});
  CHECK(reply.stat == f.stat("/"));
  REQUIRE(f.read_raw(OpCode::GetAllChildrenNumber, encode_all(PathRequest{"/"}), f.body) ==
          Code::Ok);
  CHECK(load_be<std::int32_t>(f.body.data()) == 6);
  // The same node under its other name counts itself, as with ZooKeeper.
  REQUIRE(f.read_raw(OpCode::GetAllChildrenNumber, encode_all(PathRequest{""}), f.body) ==
          Code::Ok);
  CHECK(load_be<std::int32_t>(f.body.data()) == 7);
}

TEST_CASE("getACL: READ or ADMIN; digests are masked without ADMIN") {
  TreeFixture f;
  f.identities.push_back({"digest", "bob:hash"});
  REQUIRE(f.create("/a") == Code::Ok);
  const AclList list{{perm::kAll, {"digest", "bob:hash"}}, {perm::kRead, {"world", "anyone"}}};
  REQUIRE(f.set_acl("/a", list) == Code::Ok);
  const Bytes request = encode_all(PathRequest{"/a"});
  REQUIRE(f.read_raw(OpCode::GetAcl, request, f.body) == Code::Ok);
  CHECK(decode_all<GetAclResponse>(f.body)->acl == list);
  f.identities.pop_back();
  REQUIRE(f.read_raw(OpCode::GetAcl, request, f.body) == Code::Ok);
  CHECK(decode_all<GetAclResponse>(f.body)->acl[0].who.id == "bob:x");
  CHECK(decode_all<GetAclResponse>(f.body)->acl[1] == list[1]);
}

TEST_CASE("getEphemerals: the own session's, by a prefix of text") {
  TreeFixture f;
  for (const char* path : {"/ab", "/ac", "/b"}) {
    REQUIRE(f.create(path, CreateMode::Ephemeral) == Code::Ok);
  }
  REQUIRE(f.create("/ad", CreateMode::Ephemeral, open_acl(), kBob) == Code::Ok);
  REQUIRE(f.read_raw(OpCode::GetEphemerals, encode_all(PathRequest{"/a"}), f.body) == Code::Ok);
  CHECK(decode_all<GetChildrenResponse>(f.body)->children ==
        std::vector<std::string>{"/ab", "/ac"});
  const Bytes null_prefix(4, std::byte{0xff});
  REQUIRE(f.read_raw(OpCode::GetEphemerals, null_prefix, f.body) == Code::Ok);
  CHECK(decode_all<GetChildrenResponse>(f.body)->children.size() == 3);
}

TEST_CASE("setWatches: what was missed comes at once in list order, the rest is registered") {
  TreeFixture f;
  REQUIRE(f.create("/same") == Code::Ok);
  REQUIRE(f.create("/changed") == Code::Ok);
  const Zxid seen = f.zxid;
  REQUIRE(f.set_data("/changed", "new") == Code::Ok);
  REQUIRE(f.create("/same/child") == Code::Ok);
  SetWatches2Request request;
  request.base = {seen,
                  {"/same", "/changed", "/gone"},
                  {"/changed", "/missing"},
                  {"/same", "/changed", "/gone"}};
  const Caller caller{kAlice, f.identities};
  const ReadContext context{f.tree, f.watches, kConnection, caller, f.options};
  auto fires = set_watches(context, OpCode::SetWatches2, encode_all(request));
  REQUIRE(fires.has_value());
  std::vector<std::string> events;
  for (const Fire& fire : *fires) {
    events.push_back(std::string(name_of(fire.type)) + " " + fire.path);
  }
  CHECK(events == std::vector<std::string>{"NodeDataChanged /changed", "NodeDeleted /gone",
                                           "NodeCreated /changed", "NodeChildrenChanged /same",
                                           "NodeDeleted /gone"});
  CHECK(f.watches.data_watches() == 2);
  CHECK(f.watches.child_watches() == 1);
  // Persistent ones look back at nothing.
  request = {};
  request.persistent_watches = {"/gone", "/changed"};
  request.persistent_recursive_watches = {"/changed"};
  fires = set_watches(context, OpCode::SetWatches2, encode_all(request));
  REQUIRE(fires.has_value());
  CHECK(fires->empty());
  CHECK(f.watches.contains(WatcherType::Persistent, "/gone", kConnection));
  CHECK(f.watches.contains(WatcherType::Persistent, "/changed", kConnection));
  CHECK(f.watches.contains(WatcherType::Recursive, "/changed", kConnection));
  CHECK_FALSE(f.watches.contains(WatcherType::Recursive, "/gone", kConnection));
  CHECK(set_watches(context, OpCode::SetWatches, Bytes(5)).error() == Code::MarshallingError);
}

TEST_CASE("events: only for who may read the node, also of one that is deleted") {
  TreeFixture f;
  REQUIRE(f.create("/open") == Code::Ok);
  REQUIRE(f.create("/hidden") == Code::Ok);
  REQUIRE(f.set_acl("/hidden", kWriteOnly) == Code::Ok);
  const Caller caller{kAlice, f.identities};
  CHECK(may_see_event(f.tree, caller, {EventType::NodeDataChanged, "/open"}));
  CHECK_FALSE(may_see_event(f.tree, caller, {EventType::NodeDataChanged, "/hidden"}));
  CHECK(may_see_event(f.tree, caller, {EventType::NodeDeleted, "/never"}));
  REQUIRE(f.remove("/hidden") == Code::Ok);
  CHECK_FALSE(may_see_event(f.tree, caller, f.last.fires[0]));
  CHECK(may_see_event(f.tree, caller, f.last.fires[1]));
}

TEST_CASE("reserved nodes of the empty server (tree-semantics 12)") {
  DataTree tree;
  CHECK(tree.node_count() == 5);
  CHECK(client_stat(tree.find("/")->state()).cversion == -1);
  CHECK(client_stat(tree.find("/")->state()).num_children == 1);
  CHECK(client_stat(tree.find("/zookeeper")->state()).cversion == -2);
  CHECK(client_stat(tree.find("/zookeeper/config")->state()).aversion == -1);
  CHECK(tree.acls().list(tree.find("/zookeeper/config")->acl()) ==
        AclList{{perm::kRead, {"world", "anyone"}}});
  CHECK(tree.find("")->data_copy() == Buffer(""));
  CHECK(tree.find("/zookeeper/quota")->path() == "/zookeeper/quota");
  CHECK(tree.approximate_data_size() == 44);
}

}  // namespace quorate::znode
