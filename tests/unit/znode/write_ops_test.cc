// delete, setData, setACL, sessions, multi.
#include "tests/unit/znode/tree_fixture.h"
#include "znode/acl_table.h"
#include "znode/ops/table.h"

namespace quorate::znode {

TEST_CASE("delete: the first failing check is the answer") {
  struct Row {
    const char* rule;
    std::string path;
    std::int32_t version;
    Code expected;
  };
  for (const Row& row : {
           Row{"no slash", "a", -1, Code::BadArguments},
           Row{"root", "/", -1, Code::BadArguments},
           Row{"reserved", "/zookeeper", -1, Code::BadArguments},
           Row{"reserved", "/zookeeper/quota", -1, Code::BadArguments},
           Row{"reserved", "/zookeeper/config", -1, Code::BadArguments},
           Row{"odd paths are missing nodes", "/a/", -1, Code::NoNode},
           Row{"parent missing", "/missing/x", -1, Code::NoNode},
           Row{"right on the parent before existence", "/locked/missing", -1, Code::NoAuth},
           Row{"right before version", "/locked/child", 9, Code::NoAuth},
           Row{"missing", "/missing", -1, Code::NoNode},
           Row{"version before children", "/a", 9, Code::BadVersion},
           Row{"versions below -1 never match", "/a/b", -2, Code::BadVersion},
           Row{"children", "/a", 0, Code::NotEmpty},
           Row{"all well", "/a/b", 0, Code::Ok},
           Row{"any version", "/a/b", -1, Code::Ok},
       }) {
    CAPTURE(row.rule);
    TreeFixture f;
    REQUIRE(f.create("/a") == Code::Ok);
    REQUIRE(f.create("/a/b") == Code::Ok);
    REQUIRE(f.create("/locked") == Code::Ok);
    REQUIRE(f.create("/locked/child") == Code::Ok);
    REQUIRE(f.set_acl("/locked", {{perm::kRead, {"world", "anyone"}}}) == Code::Ok);
    CHECK(f.remove(row.path, row.version) == row.expected);
  }
}

TEST_CASE("setData: checks, and what it changes") {
  TreeFixture f;
  REQUIRE(f.create("/a") == Code::Ok);
  CHECK(f.set_data("a", "x") == Code::BadArguments);
  CHECK(f.set_data("/missing", "x") == Code::NoNode);
  CHECK(f.set_data("/a", "x", 1) == Code::BadVersion);
  CHECK(f.set_data("/a", "12345", 0) == Code::Ok);
  CHECK(f.last.stat->version == 1);
  CHECK(f.last.stat->mzxid == f.zxid.value);
  CHECK(f.last.stat->mtime == f.time_ms);
  CHECK(f.last.stat->czxid < f.zxid.value);
  CHECK(f.last.stat->data_length == 5);
  REQUIRE(f.last.fires.size() == 1);
  CHECK(f.last.fires[0].type == EventType::NodeDataChanged);
  CHECK(f.set_data("/", "root") == Code::Ok);
  CHECK(f.set_data("/a", "12345") == Code::Ok);
  CHECK(f.stat("/a").version == 2);
  REQUIRE(f.set_acl("/a", {{perm::kRead, {"world", "anyone"}}}) == Code::Ok);
  CHECK(f.set_data("/a", "x", 9) == Code::NoAuth);
  f.options.skip_acl = true;
  CHECK(f.set_data("/a", "x", 9) == Code::BadVersion);
}

TEST_CASE("setACL: ADMIN, aversion, no event; a list without users is forgotten") {
  TreeFixture f;
  REQUIRE(f.create("/a") == Code::Ok);
  const AclList admin{{perm::kAdmin, {"world", "anyone"}}};
  CHECK(f.set_acl("/missing", {{1, {"what", "x"}}}) == Code::InvalidAcl);
  CHECK(f.set_acl("/missing", admin) == Code::NoNode);
  CHECK(f.set_acl("/a", admin, 1) == Code::BadVersion);
  const std::size_t lists = f.tree.acls().size();
  CHECK(f.set_acl("/a", admin, 0) == Code::Ok);
  CHECK(f.last.stat->aversion == 1);
  CHECK(f.last.stat->version == 0);
  CHECK(f.last.fires.empty());
  CHECK(f.tree.acls().size() == lists + 1);
  CHECK(f.set_acl("/a", {{perm::kWrite, {"world", "anyone"}}}) == Code::Ok);
  CHECK(f.tree.acls().size() == lists + 1);
  CHECK(f.set_acl("/a", admin) == Code::NoAuth);
  CHECK(f.remove("/a") == Code::Ok);
  CHECK(f.tree.acls().size() == lists);
}

TEST_CASE("closeSession: all ephemerals go with one zxid, events for each, others stay") {
  TreeFixture f;
  REQUIRE(f.create("/p") == Code::Ok);
  REQUIRE(f.create("/p/mine", CreateMode::Ephemeral) == Code::Ok);
  REQUIRE(f.create("/mine", CreateMode::Ephemeral) == Code::Ok);
  REQUIRE(f.create("/his", CreateMode::Ephemeral, open_acl(), kBob) == Code::Ok);
  const Outcome outcome = f.close(kAlice);
  CHECK(outcome.error == Code::Ok);
  CHECK(f.tree.find("/p/mine") == nullptr);
  CHECK(f.tree.find("/mine") == nullptr);
  CHECK(f.tree.find("/his") != nullptr);
  CHECK(f.stat("/p").pzxid == f.zxid.value);
  std::vector<std::string> events;
  for (const Fire& fire : outcome.fires) {
    events.push_back(std::string(name_of(fire.type)) + " " + fire.path);
  }
  CHECK(events == std::vector<std::string>{"NodeDeleted /mine", "NodeChildrenChanged /",
                                           "NodeDeleted /p/mine", "NodeChildrenChanged /p"});
  CHECK_FALSE(f.tree.sessions().find(kAlice).has_value());
  CHECK(f.tree.sessions().find(kBob) == 20000);
  CHECK(f.tree.sessions_with_ephemerals() == std::vector<SessionId>{kBob});
}

namespace {

struct Multi {
  template <class Request>
  Multi& add(OpCode op, const Request& request) {
    JuteWriter out(bytes);
    encode(out, MultiHeader{op, false, -1});
    encode(out, request);
    return *this;
  }
  const Bytes& done() {
    JuteWriter out(bytes);
    encode(out, MultiHeader{OpCode::Error, true, -1});
    return bytes;
  }
  Bytes bytes;
};

Bytes response(const Outcome& outcome) {
  Bytes bytes;
  JuteWriter out(bytes);
  encode_response(out, outcome);
  return bytes;
}

}  // namespace

TEST_CASE("multi: all parts in one zxid, each seeing those before it") {
  TreeFixture f;
  Multi multi;
  multi.add(OpCode::Create, CreateRequest{"/m", "", open_acl(), 0})
      .add(OpCode::Create2, CreateRequest{"/m/s", "", open_acl(), 2})
      .add(OpCode::SetData, SetDataRequest{"/m", "new", 0})
      .add(OpCode::Check, CheckVersionRequest{"/m", 1})
      .add(OpCode::Delete, DeleteRequest{"/m/s0000000000", -1});
  const Outcome outcome = f.submit_raw(kAlice, OpCode::Multi, multi.done());
  CHECK(reply_code(outcome) == Code::Ok);
  REQUIRE(outcome.parts.size() == 5);
  CHECK(outcome.parts[1].path == "/m/s0000000000");
  CHECK(outcome.parts[2].stat->version == 1);
  CHECK(f.stat("/m").mzxid == f.zxid.value);
  CHECK(outcome.fires.size() == 7);
  Bytes expected;
  JuteWriter out(expected);
  encode(out, MultiHeader{OpCode::Create, false, 0});
  out.string("/m");
  encode(out, MultiHeader{OpCode::Create2, false, 0});
  out.string("/m/s0000000000");
  out.stat(*outcome.parts[1].stat);
  encode(out, MultiHeader{OpCode::SetData, false, 0});
  out.stat(*outcome.parts[2].stat);
  encode(out, MultiHeader{OpCode::Check, false, 0});
  encode(out, MultiHeader{OpCode::Delete, false, 0});
  encode(out, MultiHeader{OpCode::Error, true, -1});
  CHECK(response(outcome) == expected);
}

TEST_CASE("multi: who may know of a change is decided by the list the node had at that moment") {
  TreeFixture f;
  const AclList hidden{{perm::kAll & ~perm::kRead, {"world", "anyone"}}};
  Multi multi;
  multi.add(OpCode::Create, CreateRequest{"/m", "", hidden, 0})
      .add(OpCode::SetData, SetDataRequest{"/m", "new", 0})
      .add(OpCode::Delete, DeleteRequest{"/m", -1})
      .add(OpCode::Create, CreateRequest{"/m", "", open_acl(), 0});
  const Outcome outcome = f.submit_raw(kAlice, OpCode::Multi, multi.done());
  const Caller caller{kAlice, f.identities};
  std::vector<bool> seen;
  for (const Fire& fire : outcome.fires) {
    if (fire.path == "/m") seen.push_back(may_see_event(f.tree, caller, fire));
  }
  CHECK(seen == std::vector<bool>{false, false, false, true});
}

TEST_CASE("multi: one failure undoes all; 0 before it, its code, -2 behind it") {
  TreeFixture f;
  REQUIRE(f.create("/a") == Code::Ok);
  const std::uint64_t digest = f.tree.digest();
  Multi multi;
  multi.add(OpCode::Create, CreateRequest{"/q", "", open_acl(), 2})
      .add(OpCode::Delete, DeleteRequest{"/a", -1})
      .add(OpCode::Check, CheckVersionRequest{"/a", 0})
      .add(OpCode::Create, CreateRequest{"/x", "", open_acl(), 0});
  const Outcome outcome = f.submit_raw(kAlice, OpCode::Multi, multi.done());
  CHECK(reply_code(outcome) == Code::Ok);
  CHECK(outcome.fires.empty());
  CHECK(f.tree.digest() == digest);
  CHECK(f.tree.find("/q0000000001") == nullptr);
  Bytes expected;
  JuteWriter out(expected);
  for (Code code : {Code::Ok, Code::Ok, Code::NoNode, Code::RuntimeInconsistency}) {
    encode(out, MultiHeader{OpCode::Error, false, static_cast<std::int32_t>(code)});
    out.i32(static_cast<std::int32_t>(code));
  }
  encode(out, MultiHeader{OpCode::Error, true, -1});
  CHECK(response(outcome) == expected);
  // The sequence number is given back.
  REQUIRE(f.create("/q", CreateMode::PersistentSequential) == Code::Ok);
  CHECK(f.last.path == "/q0000000001");
}

TEST_CASE("multi: empty is well, foreign parts and bad flags make the whole request void") {
  TreeFixture f;
  CHECK(response(f.submit_raw(kAlice, OpCode::Multi, Multi().done())).size() == 9);
  Multi read;
  read.add(OpCode::GetData, PathWatchRequest{"/", false});
  CHECK(f.submit_raw(kAlice, OpCode::Multi, read.done()).error == Code::MarshallingError);
  Multi flags;
  flags.add(OpCode::Create, CreateRequest{"/x", "", open_acl(), 77});
  CHECK(f.submit_raw(kAlice, OpCode::Multi, flags.done()).error == Code::MarshallingError);
}

TEST_CASE("check alone is refused before it becomes a txn (ZOOKEEPER-2623)") {
  TreeFixture f;
  CHECK(op_info(OpCode::Check).kind == OpKind::Unknown);
  CHECK(f.submit(kAlice, OpCode::Check, CheckVersionRequest{"/", 0}).error == Code::Unimplemented);
}

TEST_CASE("deleteContainer is not for clients") {
  TreeFixture f;
  REQUIRE(f.create("/a") == Code::Ok);
  CHECK(f.submit(kAlice, OpCode::DeleteContainer, DeleteTxn{"/a"}).error == Code::Unimplemented);
  CHECK(f.tree.find("/a") != nullptr);
}

TEST_CASE("reconfig: off, as with reconfigEnabled=false; bytes cut short are told apart") {
  TreeFixture f;
  Bytes request;
  JuteWriter out(request);
  out.string("server.1=host:2:3");
  out.nullable_string(std::nullopt);
  out.nullable_string(std::nullopt);
  out.i64(-1);
  CHECK(f.submit_raw(kAlice, OpCode::Reconfig, request).error == Code::ReconfigDisabled);
  for (std::size_t size = 0; size < request.size(); ++size) {
    const ByteView cut = ByteView(request).first(size);
    CHECK(f.submit_raw(kAlice, OpCode::Reconfig, cut).error == Code::MarshallingError);
  }
}

namespace {

struct FakePlanner : ReconfigPlanner {
  Result<std::string> plan(const ReconfigRequest& request, Zxid zxid) const override {
    asked = request;
    if (refusal != Code::Ok) return refusal;
    return "server.1=h:1:2:participant\nversion=" + to_string(zxid).substr(2);
  }
  mutable ReconfigRequest asked;
  Code refusal = Code::Ok;
};

Bytes reconfig_bytes() {
  Bytes request;
  JuteWriter out(request);
  out.nullable_string("server.4=a:1:2;3");
  out.nullable_string("2,3");
  out.nullable_string(std::nullopt);
  out.i64(77);
  return request;
}

}  // namespace

TEST_CASE("reconfig: the txn holds what the planner says, under its own zxid") {
  TreeFixture f;
  FakePlanner planner;
  f.options.reconfig = &planner;
  f.options.skip_acl = true;
  const std::uint64_t digest = f.tree.digest();
  const Bytes txn = f.prepare_bytes(kAlice, OpCode::Reconfig, reconfig_bytes());
  CHECK(planner.asked.joining == "server.4=a:1:2;3");
  CHECK(planner.asked.leaving == "2,3");
  CHECK_FALSE(planner.asked.new_members.has_value());
  CHECK(planner.asked.based_on == 77);
  const Outcome outcome = f.land(txn);
  const std::string text = "server.1=h:1:2:participant\nversion=" + to_string(f.zxid).substr(2);
  CHECK(outcome.error == Code::Ok);
  CHECK(outcome.header.type == OpCode::Reconfig);
  CHECK(f.tree.find("/zookeeper/config")->data() == text);
  CHECK(f.tree.digest() == digest);  // The node is no part of it.
  const Stat stat = f.stat("/zookeeper/config");
  CHECK(stat.version == -1);
  CHECK(stat.mzxid == f.zxid.value);
  REQUIRE(outcome.fires.size() == 1);
  CHECK(outcome.fires[0].type == EventType::NodeDataChanged);
  Bytes reply;
  JuteWriter out(reply);
  encode_response(out, outcome);
  const auto answer = decode_all<GetDataResponse>(reply);
  REQUIRE(answer.has_value());
  CHECK(answer->data == text);
  CHECK(answer->stat.mzxid == f.zxid.value);
}

TEST_CASE("reconfig: the session, then the planner, then the right to write decide") {
  TreeFixture f;
  FakePlanner planner;
  f.options.reconfig = &planner;
  CHECK(f.submit_raw(SessionId{99}, OpCode::Reconfig, reconfig_bytes()).error ==
        Code::SessionExpired);
  planner.refusal = Code::ReconfigInProgress;
  CHECK(f.submit_raw(kAlice, OpCode::Reconfig, reconfig_bytes()).error == Code::ReconfigInProgress);
  planner.refusal = Code::Ok;
  CHECK(f.submit_raw(kAlice, OpCode::Reconfig, reconfig_bytes()).error == Code::NoAuth);
  f.identities.push_back({"super", ""});
  CHECK(f.submit_raw(kAlice, OpCode::Reconfig, reconfig_bytes()).error == Code::Ok);
}

TEST_CASE("what is known of the members without a txn is written without one") {
  TreeFixture f;
  const Zxid before = f.tree.last_applied();
  const std::uint64_t digest = f.tree.digest();
  const Outcome outcome =
      set_config(f.tree, "server.1=h:1:2:participant\nversion=5", Zxid{5}, 1234);
  CHECK(f.tree.last_applied() == before);
  CHECK(f.tree.digest() == digest);
  CHECK(f.tree.find("/zookeeper/config")->data() == "server.1=h:1:2:participant\nversion=5");
  const Stat stat = f.stat("/zookeeper/config");
  CHECK(stat.version == -1);
  CHECK(stat.mzxid == 5);
  CHECK(stat.mtime == 1234);
  CHECK(outcome.fires.size() == 1);
}

}  // namespace quorate::znode
