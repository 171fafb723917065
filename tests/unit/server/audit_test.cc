#include "server/replica/audit.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/standalone_replica.h"

namespace quorate::server {
namespace {

constexpr ConnectionId kA{1}, kB{2};

class AuditFixture : public StandaloneReplica {
 public:
  AuditFixture() : StandaloneReplica(with_audit()) {}
  static ReplicaOptions with_audit() {
    ReplicaOptions options;
    options.audit_user = "root";
    return options;
  }
  /// The lines since the last call, without the session.
  std::vector<std::string> lines() {
    std::vector<std::string> out;
    for (const std::string& line : std::exchange(fake.observer.audited, {})) {
      REQUIRE(line.starts_with("session=0x"));
      out.push_back(line.substr(line.find('\t') + 1));
    }
    return out;
  }
  template <class R>
  std::string line_of(OpCode op, const R& request) {
    put(kA, 1, op, request);
    settle();
    const auto told = lines();
    return told.empty() ? "" : told.front();
  }
};

using Lines = std::vector<std::string>;
const std::string kWho = "user=127.0.0.1\tip=127.0.0.1\toperation=";

TEST_CASE_FIXTURE(AuditFixture,
                  "audit: one line for each change, with what ZooKeeper tells of it") {
  client(kA);
  CHECK(lines().empty());
  CHECK(line_of(OpCode::Create, CreateRequest{"/a", "x", open_acl(), 0}) ==
        kWho + "create\tznode=/a\tznode_type=persistent\tresult=success");
  CHECK(line_of(OpCode::Create, CreateRequest{"/a", "x", open_acl(), 1}) ==
        kWho + "create\tznode=/a\tznode_type=ephemeral\tresult=failure");
  CHECK(line_of(OpCode::Create2, CreateRequest{"/a/s", "x", open_acl(), 2}) ==
        kWho + "create\tznode=/a/s0000000000\tznode_type=persistent_sequential\tresult=success");
  CHECK(line_of(OpCode::SetData, SetDataRequest{"/a", "y", -1}) ==
        kWho + "setData\tznode=/a\tresult=success");
  CHECK(line_of(OpCode::SetData, SetDataRequest{"/a", "y", 77}) ==
        kWho + "setData\tznode=/a\tresult=failure");
  CHECK(line_of(OpCode::SetAcl, SetAclRequest{"/a", open_acl(), -1}) ==
        kWho + "setAcl\tznode=/a\tacl=world:anyone:cdrwa\tresult=success");
  CHECK(line_of(OpCode::Delete, DeleteRequest{"/a", -1}) ==
        kWho + "delete\tznode=/a\tresult=failure");
  CHECK(line_of(OpCode::Delete, DeleteRequest{"/a/s0000000000", -1}) ==
        kWho + "delete\tznode=/a/s0000000000\tresult=success");
}

TEST_CASE_FIXTURE(AuditFixture, "audit: reads and syncs are nobody's business") {
  client(kA);
  put(kA, 1, OpCode::GetData, PathWatchRequest{"/", false});
  put(kA, 2, OpCode::Sync, PathRequest{"/"});
  settle();
  CHECK(fake.observer.audited.empty());
}

TEST_CASE_FIXTURE(AuditFixture, "audit: a path cannot forge a line") {
  client(kA);
  CHECK(line_of(OpCode::Create, CreateRequest{"/a\nroot\tresult=success", "", open_acl(), 0}) ==
        kWho + "create\tznode=/a?root?result=success\tznode_type=persistent\tresult=failure");
}

TEST_CASE_FIXTURE(AuditFixture, "audit: a user is told, never a password's hash") {
  client(kA);
  put(kA, -4, OpCode::Auth, AuthPacket{0, "digest", "bob:secret"});
  settle();
  CHECK(line_of(OpCode::Create, CreateRequest{"/b", "", open_acl(), 0}) ==
        "user=127.0.0.1,bob\tip=127.0.0.1\toperation=create\tznode=/b\tznode_type=persistent\t"
        "result=success");
}

TEST_CASE_FIXTURE(AuditFixture, "audit: the parts of a multi, or that it failed") {
  client(kA);
  const auto multi = [&](std::int32_t version) {
    Bytes frame;
    JuteWriter out(frame);
    encode(out, RequestHeader{1, OpCode::Multi});
    encode(out, MultiHeader{OpCode::Create, false, -1});
    encode(out, CreateRequest{"/m", "", open_acl(), 1});
    encode(out, MultiHeader{OpCode::Check, false, -1});
    encode(out, CheckVersionRequest{"/m", version});
    encode(out, MultiHeader{OpCode::Delete, false, -1});
    encode(out, DeleteRequest{"/m", -1});
    encode(out, MultiHeader{OpCode::Error, true, -1});
    put(kA, frame);
    settle();
    return lines();
  };
  CHECK(multi(0) == Lines{kWho + "create\tznode=/m\tznode_type=ephemeral\tresult=success",
                          kWho + "delete\tznode=/m\tresult=success"});
  CHECK(multi(5) == Lines{kWho + "multiOperation\tresult=failure"});
}

TEST_CASE_FIXTURE(AuditFixture, "audit: ephemerals that end with their session are the server's") {
  client(kA);
  put_create(kA, 1, "/e", CreateMode::Ephemeral);
  settle();
  (void)lines();
  put(kA, 2, OpCode::CloseSession);
  settle();
  CHECK(lines() == Lines{"user=root\toperation=ephemeralZNodeDeletionOnSessionCloseOrExpire\t"
                         "znode=/e\tresult=success"});
}

TEST_CASE("audit: off, nothing is told") {
  StandaloneReplica server;
  server.client(kB);
  server.put_create(kB, 1, "/a");
  server.settle();
  CHECK(server.fake.observer.audited.empty());
}

TEST_CASE("audit: start and stop of a server") {
  CHECK(audit::server_line("root", "serverStart", "success") ==
        "user=root\toperation=serverStart\tresult=success");
}

}  // namespace
}  // namespace quorate::server
