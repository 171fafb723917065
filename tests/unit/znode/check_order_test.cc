// The order of checks of every write, row by row (tree-semantics 5), and multi's codes (6).
#include "tests/unit/znode/tree_fixture.h"
#include "znode/ops/table.h"
#include "znode/quota.h"

namespace quorate::znode {
namespace {

constexpr SessionId kDead{0x99};
const AclList kBadAcl{{31, {"nobody", "x"}}};
const AclList kReadOnly{{perm::kRead, {"world", "anyone"}}};
const AclList kNothing{{0, {"world", "anyone"}}};

/// /a with a child, /a's version is 1 and its aversion 1; /locked with a child, only to be read;
/// /secret, not even that; /e is ephemeral; /full has a quota that is used up.
struct OrderFixture : TreeFixture {
  OrderFixture() {
    options.enforce_quota = true;
    for (const char* path :
         {"/a", "/a/b", "/locked", "/locked/child", "/secret", "/full", "/zookeeper/quota/full"}) {
      REQUIRE(create(path) == Code::Ok);
    }
    REQUIRE(create("/e", CreateMode::Ephemeral) == Code::Ok);
    REQUIRE(set_data("/a", "one") == Code::Ok);
    REQUIRE(set_acl("/a", open_acl()) == Code::Ok);
    REQUIRE(create(limits_path("/full")) == Code::Ok);
    REQUIRE(set_data(limits_path("/full"), "count=-1,bytes=-1=;byteHardLimit=4;countHardLimit=1") ==
            Code::Ok);
    REQUIRE(create(stats_path("/full")) == Code::Ok);
    REQUIRE(set_acl("/locked", kReadOnly) == Code::Ok);
    REQUIRE(set_acl("/secret", kNothing) == Code::Ok);
  }
};

struct Row {
  const char* rule;
  Bytes request;
  Code expected;
  SessionId session = kAlice;
};

/// The rules whose answer is another one than expected.
std::string broken_rules(OpCode op, const std::vector<Row>& rows) {
  std::string broken;
  for (const Row& row : rows) {
    OrderFixture f;
    const Code got = f.submit_raw(row.session, op, row.request).error;
    if (got == row.expected) continue;
    broken += std::string(row.rule) + ": " + std::to_string(static_cast<int>(got)) + "; ";
  }
  return broken;
}

Bytes create(std::string path, std::int32_t flags = 0, AclList acl = open_acl(), Buffer data = "") {
  return encode_all(CreateRequest{std::move(path), std::move(data), std::move(acl), flags});
}
Bytes cut(Bytes record) {
  record.pop_back();
  return record;
}

}  // namespace

TEST_CASE("order of checks: create, create2, createContainer") {
  for (OpCode op : {OpCode::Create, OpCode::Create2, OpCode::CreateContainer}) {
    CHECK(broken_rules(
              op, {
                      {"cut short", cut(create("x", 7, kBadAcl)), Code::MarshallingError, kDead},
                      {"flags", create("x", 7, kBadAcl), Code::BadArguments, kDead},
                      {"TTL type", create("x", 5, kBadAcl), Code::Unimplemented, kDead},
                      {"session", create("x", 0, kBadAcl), Code::SessionExpired, kDead},
                      {"path form", create("x", 0, kBadAcl), Code::BadArguments},
                      {"list", create("/no/x", 0, kBadAcl), Code::InvalidAcl},
                      {"parent", create("/no//x"), Code::NoNode},
                      {"right on the parent", create("/locked/child"), Code::NoAuth},
                      {"right before the path", create("/locked/.."), Code::NoAuth},
                      {"path", create("/a/.."), Code::BadArguments},
                      {"exists", create("/e"), Code::NodeExists},
                      {"ephemeral parent", create("/e/x"), Code::NoChildrenForEphemerals},
                      {"quota", create("/full/x"), Code::QuotaExceeded},
                      {"well", create("/a/x"), Code::Ok},
                  }) == "");
  }
}

TEST_CASE("order of checks: createTTL") {
  const auto ttl = [](std::string path, std::int32_t flags, std::int64_t ms, AclList acl) {
    return encode_all(CreateTtlRequest{std::move(path), "", std::move(acl), flags, ms});
  };
  CHECK(broken_rules(OpCode::CreateTtl,
                     {
                         {"cut short", cut(ttl("x", 5, 1, kBadAcl)), Code::MarshallingError, kDead},
                         {"flags", ttl("x", 7, 1, kBadAcl), Code::BadArguments, kDead},
                         {"TTL type", ttl("x", 5, 0, kBadAcl), Code::Unimplemented, kDead},
                     }) == "");
  OrderFixture f;
  f.options.extended_types_enabled = true;
  const auto submit = [&](const Bytes& request, SessionId session = kAlice) {
    return f.submit_raw(session, OpCode::CreateTtl, request).error;
  };
  CHECK(submit(ttl("x", 5, 0, kBadAcl), kDead) == Code::BadArguments);
  CHECK(submit(ttl("x", 5, 1, kBadAcl), kDead) == Code::SessionExpired);
  CHECK(submit(ttl("x", 5, 1, kBadAcl)) == Code::BadArguments);
  CHECK(submit(ttl("/no/x", 5, 1, kBadAcl)) == Code::InvalidAcl);
  CHECK(submit(ttl("/locked/x", 5, 1, open_acl())) == Code::NoAuth);
  CHECK(submit(ttl("/full/x", 5, 1, open_acl())) == Code::QuotaExceeded);
}

TEST_CASE("order of checks: delete") {
  const auto del = [](std::string path, std::int32_t version = -1) {
    return encode_all(DeleteRequest{std::move(path), version});
  };
  CHECK(broken_rules(OpCode::Delete,
                     {
                         {"cut short", cut(del("x")), Code::MarshallingError, kDead},
                         {"session", del("x"), Code::SessionExpired, kDead},
                         {"path form", del("x"), Code::BadArguments},
                         {"reserved", del("/zookeeper/config"), Code::BadArguments},
                         {"parent", del("/no/x"), Code::NoNode},
                         {"right on the parent", del("/locked/none", 9), Code::NoAuth},
                         {"node", del("/none", 9), Code::NoNode},
                         {"version", del("/a", 9), Code::BadVersion},
                         {"children", del("/a", 1), Code::NotEmpty},
                         {"well", del("/a/b", 0), Code::Ok},
                     }) == "");
}

TEST_CASE("order of checks: setData") {
  const auto set = [](std::string path, std::string data = "", std::int32_t version = -1) {
    return encode_all(SetDataRequest{std::move(path), std::move(data), version});
  };
  CHECK(
      broken_rules(OpCode::SetData, {
                                        {"cut short", cut(set("x")), Code::MarshallingError, kDead},
                                        {"session", set("x"), Code::SessionExpired, kDead},
                                        {"path", set("/a//b"), Code::BadArguments},
                                        {"node", set("/none"), Code::NoNode},
                                        {"right", set("/locked", "", 9), Code::NoAuth},
                                        {"quota", set("/full", "12345", 9), Code::QuotaExceeded},
                                        {"version", set("/full", "1234", 9), Code::BadVersion},
                                        {"well", set("/full", "1234", 0), Code::Ok},
                                    }) == "");
}

TEST_CASE("order of checks: setACL") {
  const auto set = [](std::string path, AclList acl, std::int32_t version = -1) {
    return encode_all(SetAclRequest{std::move(path), std::move(acl), version});
  };
  CHECK(broken_rules(OpCode::SetAcl,
                     {
                         {"cut short", cut(set("x", {})), Code::MarshallingError, kDead},
                         {"session", set("x", {}), Code::SessionExpired, kDead},
                         {"path", set("/a/", {}), Code::BadArguments},
                         {"list", set("/none", kBadAcl), Code::InvalidAcl},
                         {"empty list", set("/none", {}), Code::InvalidAcl},
                         {"node", set("/none", open_acl()), Code::NoNode},
                         {"right", set("/locked", open_acl(), 9), Code::NoAuth},
                         {"aversion", set("/a", open_acl(), 0), Code::BadVersion},
                         {"well", set("/a", open_acl(), 1), Code::Ok},
                     }) == "");
}

TEST_CASE("order of checks: check, in a multi") {
  const auto check = [](std::string path, std::int32_t version) {
    Bytes multi;
    JuteWriter out(multi);
    encode(out, MultiHeader{OpCode::Check});
    encode(out, CheckVersionRequest{std::move(path), version});
    encode(out, MultiHeader{OpCode::Error, /*done=*/true});
    return multi;
  };
  struct CheckRow {
    const char* rule;
    std::string path;
    std::int32_t version;
    SessionId session;
    Code expected;
  };
  for (const CheckRow& row : {
           CheckRow{"session", "x", 0, kDead, Code::SessionExpired},
           CheckRow{"path", "", 0, kAlice, Code::BadArguments},
           CheckRow{"path", "/a/", 0, kAlice, Code::BadArguments},
           CheckRow{"node", "/none", 0, kAlice, Code::NoNode},
           CheckRow{"right", "/secret", 9, kAlice, Code::NoAuth},
           CheckRow{"version", "/a", 0, kAlice, Code::BadVersion},
           CheckRow{"well", "/a", 1, kAlice, Code::Ok},
           CheckRow{"any version", "/a", -1, kAlice, Code::Ok},
           CheckRow{"the root", "/", 0, kAlice, Code::Ok},
       }) {
    CAPTURE(row.rule);
    OrderFixture f;
    const Outcome outcome = f.submit_raw(row.session, OpCode::Multi, check(row.path, row.version));
    REQUIRE(outcome.parts.size() == 1);
    CHECK(outcome.parts[0].error == row.expected);
    CHECK(reply_code(outcome) == Code::Ok);
  }
}

TEST_CASE("multi: codes before, at and behind the failure; each part is checked as if alone") {
  struct Part {
    const char* rule;
    OpCode op;
    Bytes record;
    Code expected;
  };
  for (const Part& part : {
           Part{"right", OpCode::SetData, encode_all(SetDataRequest{"/locked", "", -1}),
                Code::NoAuth},
           Part{"list", OpCode::Create, create("/m/x", 0, kBadAcl), Code::InvalidAcl},
           Part{"quota", OpCode::Create2, create("/full/x"), Code::QuotaExceeded},
           Part{"container", OpCode::CreateContainer, create("/a", 4), Code::NodeExists},
           Part{"TTL", OpCode::CreateTtl, encode_all(CreateTtlRequest{"/t", "", open_acl(), 5, 1}),
                Code::Unimplemented},
           Part{"version", OpCode::Delete, encode_all(DeleteRequest{"/a/b", 7}), Code::BadVersion},
       }) {
    CAPTURE(part.rule);
    OrderFixture f;
    const std::uint64_t digest = f.tree.digest();
    Bytes multi;
    JuteWriter out(multi);
    encode(out, MultiHeader{OpCode::Create});
    append(multi, create("/m"));
    encode(out, MultiHeader{part.op});
    append(multi, part.record);
    encode(out, MultiHeader{OpCode::Delete});
    append(multi, encode_all(DeleteRequest{"/m", -1}));
    encode(out, MultiHeader{OpCode::Error, /*done=*/true});
    const Outcome outcome = f.submit_raw(kAlice, OpCode::Multi, multi);
    REQUIRE(outcome.parts.size() == 3);
    CHECK(outcome.parts[0].error == Code::Ok);
    CHECK(outcome.parts[1].error == part.expected);
    CHECK(outcome.parts[2].error == Code::RuntimeInconsistency);
    CHECK(outcome.fires.empty());
    CHECK(f.tree.find("/m") == nullptr);
    CHECK(f.tree.digest() == digest);
  }
}

TEST_CASE("multi: containers and TTL nodes answer as create2 does") {
  OrderFixture f;
  f.options.extended_types_enabled = true;
  Bytes multi;
  JuteWriter out(multi);
  encode(out, MultiHeader{OpCode::CreateContainer});
  append(multi, create("/box", 0));  // 3.8 lets the flags decide here, 3.9 the operation
  encode(out, MultiHeader{OpCode::CreateTtl});
  append(multi, encode_all(CreateTtlRequest{"/box/t-", "", open_acl(), 6, 1000}));
  encode(out, MultiHeader{OpCode::Error, /*done=*/true});
  const Outcome outcome = f.submit_raw(kAlice, OpCode::Multi, multi);
  REQUIRE(outcome.parts.size() == 2);
  CHECK(outcome.parts[1].path == "/box/t-0000000000");
  CHECK(f.tree.containers().contains("/box"));
  CHECK(f.tree.ttl_nodes().contains("/box/t-0000000000"));
  Bytes reply;
  JuteWriter writer(reply);
  encode_response(writer, outcome);
  JuteReader in(reply);
  for (int i = 0; i < 2; ++i) {
    MultiHeader header;
    Create2Response part;
    decode(in, header);
    decode(in, part);
    CHECK(header.type == OpCode::Create2);
    CHECK(header.err == 0);
    CHECK(part.stat.ephemeral_owner == 0);
  }
}

TEST_CASE("setACL: replaces the list and counts, and fires nothing (tree-semantics 7, 10)") {
  OrderFixture f;
  const std::int32_t before = f.stat("/a").aversion;
  REQUIRE(f.set_acl("/a", {{3, {"world", "anyone"}}, {3, {"world", "anyone"}}}, before) ==
          Code::Ok);
  CHECK(f.last.stat->aversion == before + 1);
  CHECK(f.last.stat->version == f.stat("/a").version);
  CHECK(f.last.fires.empty());
  CHECK(f.create("/a/x") == Code::NoAuth);
  CHECK(f.set_acl("/a", open_acl()) == Code::NoAuth);
  f.options.skip_acl = true;
  CHECK(f.set_acl("/a", kBadAcl) == Code::InvalidAcl);  // validated all the same
  CHECK(f.set_acl("/a", open_acl()) == Code::Ok);
}

TEST_CASE("rights: deleting needs the parent's DELETE only, reading the node's READ only") {
  OrderFixture f;
  REQUIRE(f.set_acl("/a/b", kNothing) == Code::Ok);
  CHECK(f.read_path(OpCode::GetData, "/a/b") == Code::NoAuth);
  CHECK(f.read_path(OpCode::Exists, "/a/b") == Code::NoAuth);
  CHECK(f.remove("/a/b") == Code::Ok);
  REQUIRE(f.set_acl("/locked/child", open_acl()) == Code::Ok);
  CHECK(f.read_path(OpCode::GetData, "/locked/child") == Code::Ok);
  f.identities.push_back({"super", ""});
  CHECK(f.remove("/locked/child") == Code::Ok);
  CHECK(f.set_data("/zookeeper/config", "x") == Code::Ok);
}

}  // namespace quorate::znode
