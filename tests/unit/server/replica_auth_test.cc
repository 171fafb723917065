// Auth packets, SASL without a login, enforced schemes: on the wire.
#include <doctest/doctest.h>

#include "tests/support/standalone_replica.h"
#include "znode/node.h"

namespace quorate::server {
namespace {

constexpr ConnectionId kA{1}, kB{2};
const std::string kBob = "bob:ikIaKsbtGweaHnb/jKn7OHqbunM=";

void put_auth(StandaloneReplica& server, ConnectionId id, std::string scheme, Buffer auth) {
  server.put(id, xid::kAuth, OpCode::Auth, AuthPacket{0, std::move(scheme), std::move(auth)});
}

AclList auth_only() {
  return {{perm::kAll, {"auth", ""}}};
}

Code create(StandaloneReplica& server, ConnectionId id, std::string path, AclList acl) {
  server.put(id, 1, OpCode::Create, CreateRequest{std::move(path), "", std::move(acl), 0});
  server.settle();
  return server.must_take(id).header.err;
}

Code get(StandaloneReplica& server, ConnectionId id, std::string path) {
  server.put(id, 2, OpCode::GetData, PathWatchRequest{std::move(path), false});
  server.settle();
  return server.must_take(id).header.err;
}

}  // namespace

TEST_CASE("auth: a digest packet is answered at once with zxid 0") {
  StandaloneReplica server;
  server.client(kA);
  server.put_create(kA, 1, "/queued");
  put_auth(server, kA, "digest", "bob:pw");
  server.pump();
  const Reply reply = server.must_take(kA);  // overtakes the create, which is not durable yet
  CHECK(reply.header.xid == xid::kAuth);
  CHECK(reply.header.zxid == Zxid{});
  CHECK(reply.header.err == Code::Ok);
  CHECK(reply.body.empty());
  server.sync();
  CHECK(server.must_take(kA).header.xid == 1);
}

TEST_CASE("auth: the auth entry of a list becomes who has logged in") {
  StandaloneReplica server;
  server.client(kA);
  server.client(kB);
  CHECK(create(server, kA, "/none", auth_only()) == Code::InvalidAcl);
  put_auth(server, kA, "digest", "bob:pw");
  server.pump();
  server.must_take(kA);
  CHECK(create(server, kA, "/mine", auth_only()) == Code::Ok);
  CHECK(get(server, kA, "/mine") == Code::Ok);
  CHECK(get(server, kB, "/mine") == Code::NoAuth);
  CHECK(create(server, kB, "/mine/x", open_acl()) == Code::NoAuth);
  put_auth(server, kB, "digest", "bob:pw");
  server.pump();
  server.must_take(kB);
  CHECK(get(server, kB, "/mine") == Code::Ok);
}

TEST_CASE("auth: pipelined writes use the identities as of each request (pitfall 76)") {
  StandaloneReplica server;
  server.client(kA);
  const auto put_create = [&](std::int32_t xid, std::string path) {
    server.put(kA, xid, OpCode::Create, CreateRequest{std::move(path), "", auth_only(), 0});
  };
  server.put(kA, 1, OpCode::Sync, PathRequest{"/"});  // what follows waits here for its turn
  put_create(2, "/before");
  put_auth(server, kA, "digest", "bob:pw");
  put_create(3, "/after");
  for (int i = 0; i < 4; ++i) server.settle();
  std::map<std::int32_t, Code> codes;
  while (auto reply = server.take(kA)) codes[reply->header.xid] = reply->header.err;
  CHECK(codes.at(2) == Code::InvalidAcl);
  CHECK(codes.at(3) == Code::Ok);
}

TEST_CASE("auth: what is refused gets -115, then the connection is closed") {
  for (const char* scheme : {"world", "auth", "super", "sasl", "x509", "nobody"}) {
    CAPTURE(scheme);
    StandaloneReplica server;
    server.client(kA);
    put_auth(server, kA, scheme, "bob:pw");
    server.pump();
    const Reply reply = server.must_take(kA);
    CHECK(reply.header.err == Code::AuthFailed);
    CHECK(reply.header.zxid == Zxid{});
    CHECK(server.closed(kA));
  }
  StandaloneReplica server;
  server.client(kA);
  put_auth(server, kA, "digest", std::nullopt);
  server.pump();
  CHECK(server.must_take(kA).header.err == Code::AuthFailed);
  CHECK(server.closed(kA));
}

TEST_CASE("auth: the super user passes every list") {
  ReplicaOptions options;
  options.auth.super_digest = znode::digest_id("SHA1", "super:secret");
  StandaloneReplica server(options);
  server.client(kA);
  server.client(kB);
  REQUIRE(create(server, kA, "/locked", {{perm::kAdmin, {"digest", "x:y"}}}) == Code::Ok);
  CHECK(get(server, kB, "/locked") == Code::NoAuth);
  put_auth(server, kB, "digest", "super:wrong");
  put_auth(server, kB, "digest", "super:secret");
  server.pump();
  server.must_take(kB);
  server.must_take(kB);
  CHECK(get(server, kB, "/locked") == Code::Ok);
  CHECK(create(server, kB, "/locked/x", open_acl()) == Code::Ok);
}

TEST_CASE("auth: a list by address, of IPv6 too") {
  StandaloneReplica server;
  server.client(kA);
  const AclList list{{perm::kAll, {"ip", "127.0.0.0/8"}}, {perm::kRead, {"ip", "::1"}}};
  REQUIRE(create(server, kA, "/near", list) == Code::Ok);
  CHECK(get(server, kA, "/near") == Code::Ok);
  server.replica->on_client_open(kB, {"::1"});
  server.put(kB, encode_all(ConnectRequest{}));
  server.settle();
  server.take_connect(kB);
  CHECK(get(server, kB, "/near") == Code::Ok);
  CHECK(create(server, kB, "/near/x", open_acl()) == Code::NoAuth);
}

TEST_CASE("sasl without a login: no token, no identity, the connection goes on") {
  StandaloneReplica server;
  server.client(kA);
  Bytes frame;
  JuteWriter out(frame);
  encode(out, RequestHeader{7, OpCode::Sasl});
  out.buffer(Buffer("token"));
  server.put(kA, frame);
  server.pump();
  const Reply reply = server.must_take(kA);
  CHECK(reply.header.xid == 7);
  CHECK(reply.header.zxid == Zxid{});
  CHECK(reply.header.err == Code::Ok);
  CHECK(reply.body == Bytes(4, std::byte{0xff}));
  CHECK_FALSE(server.closed(kA));
}

TEST_CASE("enforced schemes: -124 and the end for whoever has proved none of them") {
  ReplicaOptions options;
  options.auth.enforced = {"digest"};
  StandaloneReplica server(options);
  server.client(kA);
  put_auth(server, kA, "digest", "bob:pw");
  server.pump();
  server.must_take(kA);
  CHECK(get(server, kA, "/") == Code::Ok);
  server.client(kB);
  server.put(kB, xid::kPing, OpCode::Ping);
  server.pump();
  const Reply reply = server.must_take(kB);
  CHECK(reply.header.err == Code::SessionClosedRequireSaslAuth);
  CHECK(reply.header.zxid == Zxid{});
  CHECK(server.closed(kB));
}

TEST_CASE("quota: the log hears of a breach now and then, the metrics count each refusal") {
  ReplicaOptions options;
  options.ops.enforce_quota = true;
  StandaloneReplica server(options);
  server.client(kA, 40000);
  const auto put = [&](std::string path, std::string data) {
    server.put(kA, 1, OpCode::Create,
               CreateRequest{std::move(path), std::move(data), open_acl(), 0});
    server.settle();
    return server.must_take(kA).header.err;
  };
  REQUIRE(put("/app", "") == Code::Ok);
  REQUIRE(put("/zookeeper/quota/app", "") == Code::Ok);
  REQUIRE(put("/zookeeper/quota/app/zookeeper_limits", "count=-1,bytes=-1=;countHardLimit=1") ==
          Code::Ok);
  REQUIRE(put("/zookeeper/quota/app/zookeeper_stats", "") == Code::Ok);
  for (int i = 0; i < 3; ++i) CHECK(put("/app/x", "") == Code::QuotaExceeded);
  CHECK(server.replica->quota_refusals().at("app") == 3);
  REQUIRE(server.replica->quota_usage().size() == 1);
  CHECK(server.replica->quota_usage()[0].count == 1);
  int told = 0;
  for (const auto& note : server.fake.observer.notes) {
    told += note.find("quota exceeded path=/app") != std::string::npos;
  }
  CHECK(told == 1);
}

}  // namespace quorate::server
