#include <set>
#include <string>

#include "tests/unit/znode/tree_fixture.h"

namespace quorate::znode {
namespace {

constexpr auto kEphemeral = CreateMode::Ephemeral;

}  // namespace

TEST_CASE("create: the first failing check is the answer") {
  struct Row {
    const char* rule;
    std::string path;
    std::int32_t flags;
    AclList acl;
    Code expected;
  };
  const AclList bad{{31, {"nobody", "x"}}};
  for (const Row& row : {
           Row{"flags before all else", "x", 7, bad, Code::BadArguments},
           Row{"negative flags", "/x", -1, open_acl(), Code::BadArguments},
           Row{"TTL flags with extended types off", "x", 5, bad, Code::Unimplemented},
           Row{"no slash before ACL", "x", 0, bad, Code::BadArguments},
           Row{"NUL before ACL", std::string("/x\0y", 4), 0, bad, Code::BadArguments},
           Row{"ACL before parent", "/missing/x", 0, bad, Code::InvalidAcl},
           Row{"empty ACL", "/x", 0, {}, Code::InvalidAcl},
           Row{"parent before path validation", "/missing//b", 0, open_acl(), Code::NoNode},
           Row{"right on parent before path validation", "/locked//b", 0, open_acl(), Code::NoNode},
           Row{"right on parent before existence", "/locked/child", 0, open_acl(), Code::NoAuth},
           Row{"path validation before existence", "/a/", 0, open_acl(), Code::BadArguments},
           Row{"the root exists", "/", 0, open_acl(), Code::NodeExists},
           Row{"existence", "/a", 0, open_acl(), Code::NodeExists},
           Row{"ephemerals have no children", "/e/x", 0, open_acl(), Code::NoChildrenForEphemerals},
           Row{"nor sequential ones", "/e/x", 3, open_acl(), Code::NoChildrenForEphemerals},
           Row{"container flags make a plain node", "/c", 4, open_acl(), Code::Ok},
       }) {
    CAPTURE(row.rule);
    TreeFixture f;
    REQUIRE(f.create("/a") == Code::Ok);
    REQUIRE(f.create("/e", kEphemeral) == Code::Ok);
    REQUIRE(f.create("/locked") == Code::Ok);
    REQUIRE(f.create("/locked/child") == Code::Ok);
    REQUIRE(f.set_acl("/locked", {{perm::kRead, {"world", "anyone"}}}) == Code::Ok);
    const Code got =
        f.submit(kAlice, OpCode::Create, CreateRequest{row.path, "", row.acl, row.flags}).error;
    CHECK(got == row.expected);
  }
}

TEST_CASE("create: Stat of the node and what the parent learns (tree-semantics 2)") {
  TreeFixture f;
  REQUIRE(f.create("/p") == Code::Ok);
  const std::int64_t parent_zxid = f.zxid.value;
  REQUIRE(f.create("/p/c", kEphemeral) == Code::Ok);
  const Stat child = f.stat("/p/c");
  CHECK(child.czxid == f.zxid.value);
  CHECK(child.mzxid == f.zxid.value);
  CHECK(child.pzxid == f.zxid.value);
  CHECK(child.ctime == f.time_ms);
  CHECK(child.mtime == f.time_ms);
  CHECK(child.version == 0);
  CHECK(child.cversion == 0);
  CHECK(child.aversion == 0);
  CHECK(child.ephemeral_owner == kAlice.value);
  CHECK(child.data_length == 4);
  const Stat parent = f.stat("/p");
  CHECK(parent.czxid == parent_zxid);
  CHECK(parent.mzxid == parent_zxid);
  CHECK(parent.pzxid == f.zxid.value);
  CHECK(parent.cversion == 1);
  CHECK(parent.num_children == 1);
}

TEST_CASE("cversion: clients see creates and deletes, the stored counter creates only") {
  TreeFixture f;
  REQUIRE(f.create("/p") == Code::Ok);
  REQUIRE(f.create("/p/a") == Code::Ok);
  REQUIRE(f.create("/p/b") == Code::Ok);
  REQUIRE(f.remove("/p/a") == Code::Ok);
  CHECK(f.stat("/p").cversion == 3);
  CHECK(f.stat("/p").pzxid == f.zxid.value);
  CHECK(f.tree.find("/p")->stat().cversion == 2);
}

TEST_CASE("sequence: the parent's count of creates, ten digits, every create counts") {
  TreeFixture f;
  REQUIRE(f.create("/s", CreateMode::PersistentSequential) == Code::Ok);
  CHECK(f.last.path == "/s0000000000");
  REQUIRE(f.create("/plain") == Code::Ok);
  REQUIRE(f.create("/fails/x") == Code::NoNode);
  REQUIRE(f.remove("/plain") == Code::Ok);
  REQUIRE(f.create("/s", CreateMode::EphemeralSequential) == Code::Ok);
  CHECK(f.last.path == "/s0000000002");
  REQUIRE(f.create("/", CreateMode::PersistentSequential) == Code::Ok);
  CHECK(f.last.path == "/0000000003");
}

TEST_CASE("create: null and empty data are kept apart") {
  TreeFixture f;
  for (const Buffer& data : {Buffer(), Buffer(""), Buffer("x")}) {
    REQUIRE(f.submit(kAlice, OpCode::Create, CreateRequest{"/n", data, open_acl(), 0}).error ==
            Code::Ok);
    CHECK(f.tree.find("/n")->data_copy() == data);
    REQUIRE(f.remove("/n") == Code::Ok);
  }
}

TEST_CASE("createContainer: a container whatever the flags, its owner is hidden") {
  for (std::int32_t flags : {0, 1, 4}) {
    CAPTURE(flags);
    TreeFixture f;
    const CreateRequest request{"/c", "x", open_acl(), flags};
    REQUIRE(f.submit(kAlice, OpCode::CreateContainer, request).error == Code::Ok);
    CHECK(f.last.path == "/c");
    CHECK(f.last.stat->ephemeral_owner == 0);
    CHECK(f.tree.find("/c")->stat().ephemeral_owner == kContainerOwner);
    CHECK(f.tree.containers() == std::set<std::string>{"/c"});
    CHECK(f.create("/c/child") == Code::Ok);
    CHECK(f.create("/c/ephemeral", kEphemeral) == Code::Ok);
  }
  TreeFixture f;
  const CreateRequest sequential{"/c-", "", open_acl(), 2};
  CHECK(f.submit(kAlice, OpCode::CreateContainer, sequential).path == "/c-0000000000");
  const CreateRequest ttl{"/c", "", open_acl(), 5};
  CHECK(f.submit(kAlice, OpCode::CreateContainer, ttl).error == Code::Unimplemented);
  f.options.extended_types_enabled = true;
  CHECK(f.submit(kAlice, OpCode::CreateContainer, ttl).error == Code::BadArguments);
  CHECK(f.submit(kAlice, OpCode::CreateContainer, CreateRequest{"/c", "", open_acl(), 7}).error ==
        Code::BadArguments);
}

TEST_CASE("createTTL: every refusal of tree-semantics 3") {
  struct Row {
    bool enabled;
    std::int32_t flags;
    std::int64_t ttl_ms;
    Code expected;
  };
  constexpr std::int64_t kMost = 0xffffffffff;
  for (const Row& row : {
           Row{false, 5, 1000, Code::Unimplemented},
           Row{false, 6, 0, Code::Unimplemented},
           Row{false, 0, 1000, Code::BadArguments},
           Row{true, 7, 1000, Code::BadArguments},
           Row{true, 0, 1000, Code::BadArguments},
           Row{true, 1, 1000, Code::BadArguments},
           Row{true, 2, 0, Code::BadArguments},
           Row{true, 3, 1000, Code::BadArguments},
           Row{true, 4, 1000, Code::BadArguments},
           Row{true, 0, -1, Code::BadArguments},  // ZooKeeper fails while applying this one
           Row{true, 5, 0, Code::BadArguments},
           Row{true, 5, -1, Code::BadArguments},
           Row{true, 5, kMost + 1, Code::BadArguments},
           Row{true, 5, kMost, Code::Ok},
           Row{true, 6, 1, Code::Ok},
       }) {
    CAPTURE(row.flags);
    CAPTURE(row.ttl_ms);
    TreeFixture f;
    f.options.extended_types_enabled = row.enabled;
    const CreateTtlRequest request{"/t", "", open_acl(), row.flags, row.ttl_ms};
    CHECK(f.submit(kAlice, OpCode::CreateTtl, request).error == row.expected);
    const bool sequential = row.flags == 6;
    const Node* node = f.tree.find(sequential ? "/t0000000000" : "/t");
    CHECK((node != nullptr) == (row.expected == Code::Ok));
    if (node == nullptr) continue;
    CHECK(ttl_of(node->stat().ephemeral_owner) == row.ttl_ms);
    CHECK(is_ttl_owner(node->stat().ephemeral_owner));
    CHECK(f.last.stat->ephemeral_owner == 0);
    CHECK(f.tree.ttl_nodes().size() == 1);
  }
}

TEST_CASE("create: flags 5 and 6 have no time to live there") {
  TreeFixture f;
  CHECK(f.create("/t", CreateMode::PersistentWithTtl) == Code::Unimplemented);
  f.options.extended_types_enabled = true;
  CHECK(f.create("/t", CreateMode::PersistentWithTtl) == Code::BadArguments);
  CHECK(f.create("/t", CreateMode::PersistentSequentialWithTtl) == Code::BadArguments);
}

TEST_CASE("owners: container, TTL and sessions of server 255 are told apart") {
  CHECK(is_ttl_owner(ttl_owner(1)));
  CHECK(is_ttl_owner(ttl_owner(static_cast<std::int64_t>(kTtlMask))));
  CHECK_FALSE(is_session_owner(ttl_owner(1)));
  CHECK_FALSE(is_session_owner(kContainerOwner));
  CHECK(is_session_owner(static_cast<std::int64_t>(0xff0a123400000001)));
  CHECK(is_session_owner(-1));
}

TEST_CASE("a request that is cut short is a MarshallingError and still takes its zxid") {
  TreeFixture f;
  const Bytes whole = encode_all(CreateRequest{"/n", "x", open_acl(), 0});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK(f.submit_raw(kAlice, OpCode::Create, ByteView(whole).first(size)).error ==
          Code::MarshallingError);
  }
  CHECK(f.tree.last_applied() == f.zxid);
  const Bytes null_path(64, std::byte{0xff});
  CHECK(f.submit_raw(kAlice, OpCode::Delete, null_path).error == Code::MarshallingError);
}

TEST_CASE("a session that is not there gets SessionExpired for every write") {
  TreeFixture f;
  const SessionId stranger{77};
  CHECK(f.create("/x", CreateMode::Persistent, open_acl(), stranger) == Code::SessionExpired);
  CHECK(f.submit(stranger, OpCode::Delete, DeleteRequest{"/x", -1}).error == Code::SessionExpired);
  CHECK(f.submit(stranger, OpCode::SetData, SetDataRequest{"/x", "", -1}).error ==
        Code::SessionExpired);
}

}  // namespace quorate::znode
