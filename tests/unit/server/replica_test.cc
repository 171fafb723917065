#include "server/replica/replica.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/ensure.h"
#include "base/random.h"
#include "tests/support/standalone_replica.h"

namespace quorate::server {
namespace {

constexpr ConnectionId kA{1}, kB{2}, kC{3};

// ---- Handshake and sessions (pitfalls A)
// ---------------------------------------------------------

TEST_CASE(
    "a new session is answered after its txn is durable, with id, password, clamped timeout") {
  StandaloneReplica server;
  server.open(kA);
  ConnectRequest request;
  request.timeout_ms = 1;
  server.put(kA, encode_all(request));
  server.pump();
  CHECK(server.fake.clients.received[kA].empty());
  CHECK(server.fake.clients.paused.contains(kA));
  server.sync();
  CHECK_FALSE(server.fake.clients.paused.contains(kA));
  Bytes frame = server.fake.clients.take(kA);
  CHECK(frame.size() == 36);
  auto response = decode_all<ConnectResponse>(frame);
  REQUIRE(response.has_value());
  CHECK(response->timeout_ms == 4000);
  CHECK((response->session_id.value >> 56) == 1);
  CHECK(response->password->size() == kPasswordSize);
  CHECK(server.replica->tree().sessions().find(response->session_id) == std::optional(4000));
}

TEST_CASE("requests may follow the connect request without waiting for its answer") {
  StandaloneReplica server;
  server.open(kA);
  server.put(kA, encode_all(ConnectRequest{}));
  server.put_create(kA, 1, "/a");
  server.put(kA, 2, OpCode::GetData, PathWatchRequest{"/a", false});
  server.settle();
  server.sync();
  server.take_connect(kA);
  CHECK(server.must_take(kA).header.xid == 1);
  CHECK(server.must_take(kA).header.xid == 2);
}

TEST_CASE("a session is taken up again; its older connection here is closed") {
  StandaloneReplica server;
  ConnectResponse first = server.client(kA);
  ConnectRequest again;
  again.session_id = first.session_id;
  again.password = first.password;
  again.timeout_ms = 20000;
  std::int64_t before = server.applied();
  server.connect(kB, again);
  ConnectResponse second = server.take_connect(kB);
  CHECK(second.session_id == first.session_id);
  CHECK(second.password == first.password);
  CHECK(second.timeout_ms == 20000);
  CHECK(server.closed(kA));
  CHECK_FALSE(server.closed(kB));
  CHECK(server.applied() == before);
  server.put_create(kB, 1, "/b");
  server.settle();
  CHECK(server.must_take(kB).header.err == Code::Ok);
}

TEST_CASE(
    "a wrong password is refused and closed, the older connection too, the session lives on") {
  StandaloneReplica server;
  ConnectResponse first = server.client(kA);
  ConnectRequest wrong;
  wrong.session_id = first.session_id;
  wrong.password = std::string(16, 'x');
  server.connect(kB, wrong);
  ConnectResponse refused = server.take_connect(kB);
  CHECK(refused.timeout_ms == 0);
  CHECK(refused.session_id == SessionId{});
  CHECK(server.closed(kB));
  CHECK(server.closed(kA));
  wrong.password = first.password;
  server.connect(kC, wrong);
  CHECK(server.take_connect(kC).session_id == first.session_id);
}

TEST_CASE("an unknown session is refused like an expired one") {
  StandaloneReplica server;
  ConnectResponse first = server.client(kA);
  server.put(kA, 1, OpCode::CloseSession);
  server.settle();
  ConnectRequest again;
  again.session_id = first.session_id;
  again.password = first.password;
  server.connect(kB, again);
  CHECK(server.take_connect(kB).timeout_ms == 0);
  CHECK(server.closed(kB));
}

TEST_CASE("a client that has seen a later zxid is closed without a byte") {
  StandaloneReplica server;
  ConnectRequest request;
  request.last_zxid_seen = Zxid{server.applied() + 1};
  server.connect(kA, request);
  CHECK(server.closed(kA));
  CHECK(server.fake.clients.received[kA].empty());
}

TEST_CASE("a handshake that does not decode, or no handshake in time, ends the connection") {
  StandaloneReplica server;
  server.open(kA);
  server.put(kA, Bytes(7));
  server.pump();
  CHECK(server.closed(kA));
  server.open(kB);
  server.pass(9000);
  CHECK_FALSE(server.closed(kB));
  server.pass(2000);
  CHECK(server.closed(kB));
}

TEST_CASE(
    "expiry: a silent session goes, with all its ephemerals, in one txn; its client hears none") {
  StandaloneReplica server;
  server.client(kA, 4000);
  server.client(kB, 40000);
  server.put_create(kA, 1, "/e1", CreateMode::Ephemeral);
  server.put_create(kA, 2, "/e2", CreateMode::Ephemeral);
  server.settle();
  server.must_take(kA);
  server.must_take(kA);
  server.put(kB, 1, OpCode::GetChildren, PathWatchRequest{"/", true});
  server.settle();
  server.must_take(kB);
  std::int64_t before = server.applied();
  server.pass(3500);
  server.sync();
  CHECK_FALSE(server.closed(kA));
  CHECK(server.applied() == before);
  server.pass(3000);
  server.sync();
  CHECK(server.applied() == before + 1);
  CHECK(server.replica->tree().find("/e1") == nullptr);
  CHECK(server.replica->tree().find("/e2") == nullptr);
  CHECK(server.closed(kA));
  CHECK_FALSE(server.take(kA).has_value());
  CHECK(server.must_take_event(kB, before + 1).type == EventType::NodeChildrenChanged);
  CHECK_FALSE(server.closed(kB));
}

TEST_CASE("any frame keeps a session alive, also pings and reads") {
  StandaloneReplica server;
  server.client(kA, 4000);
  for (int i = 0; i < 10; ++i) {
    server.pass(2000);
    if (i % 2 == 0)
      server.put(kA, xid::kPing, OpCode::Ping);
    else
      server.put(kA, 7, OpCode::Exists, PathWatchRequest{"/", false});
    server.settle();
  }
  CHECK_FALSE(server.closed(kA));
}

TEST_CASE("a process that did not run expires nobody when it wakes (R58)") {
  StandaloneReplica server;
  server.client(kA, 4000);
  server.tick(60'000);
  server.settle();
  CHECK_FALSE(server.closed(kA));
  server.pass(7000);
  server.sync();
  CHECK(server.closed(kA));
}

// ---- Replies
// -------------------------------------------------------------------------------------

TEST_CASE("nothing is answered before it is durable") {
  StandaloneReplica server;
  server.client(kA);
  server.put_create(kA, 1, "/a");
  server.pump();
  CHECK(server.fake.disk.records() == 2);
  CHECK_FALSE(server.take(kA).has_value());
  CHECK(server.replica->tree().find("/a") == nullptr);
  server.sync();
  Reply reply = server.must_take(kA);
  CHECK(reply.header.zxid == Zxid{server.applied()});
  CHECK(decode_all<CreateResponse>(reply.body)->path == "/a");
}

TEST_CASE("a read waits for its own connection's writes, not for another's") {
  StandaloneReplica server;
  server.client(kA);
  server.client(kB);
  server.put_create(kA, 1, "/a");
  server.put(kA, 2, OpCode::GetData, PathWatchRequest{"/a", false});
  server.put(kB, 1, OpCode::Exists, PathWatchRequest{"/a", false});
  server.pump();
  CHECK_FALSE(server.take(kA).has_value());
  CHECK(server.must_take(kB).header.err == Code::NoNode);
  server.sync();
  CHECK(server.must_take(kA).header.xid == 1);
  Reply read = server.must_take(kA);
  CHECK(read.header.xid == 2);
  CHECK(decode_all<GetDataResponse>(read.body)->data == Buffer("data"));
}

TEST_CASE("replies of one batch leave in one piece and in the order of the requests") {
  StandaloneReplica server;
  server.client(kA);
  int before = server.fake.clients.sends[kA];
  for (std::int32_t i = 1; i <= 20; ++i) {
    if (i % 3 == 0)
      server.put(kA, i, OpCode::Exists, PathWatchRequest{"/", false});
    else
      server.put_create(kA, i, "/n" + std::to_string(i));
  }
  server.settle();
  for (std::int32_t i = 1; i <= 20; ++i) CHECK(server.must_take(kA).header.xid == i);
  CHECK(server.fake.clients.sends[kA] == before + 1);
}

TEST_CASE("a failed write takes a zxid, too, and its reply keeps its place") {
  StandaloneReplica server;
  server.client(kA);
  std::int64_t before = server.applied();
  server.put(kA, 1, OpCode::Delete, DeleteRequest{"/none", -1});
  server.put_create(kA, 2, "/a");
  server.put(kA, 3, OpCode::SetData, SetDataRequest{"/a", "x", 7});
  server.settle();
  Reply first = server.must_take(kA);
  CHECK(first.header.err == Code::NoNode);
  CHECK(first.header.zxid == Zxid{before + 1});
  CHECK(first.body.empty());
  CHECK(server.must_take(kA).header.zxid == Zxid{before + 2});
  CHECK(server.must_take(kA).header.err == Code::BadVersion);
  CHECK(server.applied() == before + 3);
}

TEST_CASE("a record that does not decode is answered with -5, the connection stays") {
  StandaloneReplica server;
  server.client(kA);
  server.put(kA, 1, OpCode::GetData);
  server.put(kA, 2, OpCode::Create);
  server.put(kA, 3, OpCode::Sync);
  server.put(kA, 4, OpCode::SetWatches);
  server.settle();
  for (std::int32_t i = 1; i <= 4; ++i) {
    Reply reply = server.must_take(kA);
    CHECK(reply.header.xid == i);
    CHECK(reply.header.err == Code::MarshallingError);
    CHECK(reply.body.empty());
  }
  CHECK_FALSE(server.closed(kA));
}

TEST_CASE("a header cut short closes that connection and no other") {
  StandaloneReplica server;
  server.client(kA);
  server.client(kB);
  server.put(kA, Bytes(5));
  server.put(kB, 1, OpCode::Exists, PathWatchRequest{"/", false});
  server.settle();
  CHECK(server.closed(kA));
  CHECK_FALSE(server.closed(kB));
  CHECK(server.must_take(kB).header.err == Code::Ok);
}

TEST_CASE("an unknown operation: -6 with zxid -1 behind earlier replies, then close") {
  for (auto op :
       {static_cast<OpCode>(999), OpCode::Notification, OpCode::Check, OpCode::CreateSession}) {
    CAPTURE(static_cast<int>(op));
    StandaloneReplica server;
    server.client(kA);
    server.put_create(kA, 1, "/a");
    server.put(kA, 2, op);
    server.put_create(kA, 3, "/b");
    server.settle();
    CHECK(server.must_take(kA).header.xid == 1);
    Reply reply = server.must_take(kA);
    CHECK(reply.header.xid == 2);
    CHECK(reply.header.err == Code::Unimplemented);
    CHECK(reply.header.zxid == Zxid{-1});
    CHECK(server.closed(kA));
    CHECK_FALSE(server.take(kA).has_value());
  }
}

TEST_CASE("deleteContainer of a client is refused, the connection stays") {
  StandaloneReplica server;
  server.client(kA);
  server.put(kA, 1, OpCode::DeleteContainer, PathRequest{"/zookeeper"});
  server.settle();
  CHECK(server.must_take(kA).header.err == Code::Unimplemented);
  CHECK_FALSE(server.closed(kA));
}

TEST_CASE("ping: always xid -2, in its turn") {
  StandaloneReplica server;
  server.client(kA);
  server.put_create(kA, 1, "/a");
  server.put(kA, 55, OpCode::Ping);
  server.settle();
  CHECK(server.must_take(kA).header.xid == 1);
  Reply ping = server.must_take(kA);
  CHECK(ping.header.xid == xid::kPing);
  CHECK(ping.header.zxid == Zxid{server.applied()});
}

TEST_CASE("auth: ip is known, anything else is refused and closed") {
  StandaloneReplica server;
  server.client(kA);
  server.put(kA, xid::kAuth, OpCode::Auth, AuthPacket{0, "ip", "x"});
  server.put(kA, xid::kAuth, OpCode::Auth, AuthPacket{0, "unknown", "a:b"});
  server.settle();
  Reply fine = server.must_take(kA);
  CHECK(fine.header.xid == xid::kAuth);
  CHECK(fine.header.err == Code::Ok);
  CHECK(fine.header.zxid == Zxid{0});
  CHECK(server.must_take(kA).header.err == Code::AuthFailed);
  CHECK(server.closed(kA));
}

TEST_CASE("sync: a null path comes back as it was") {
  StandaloneReplica server;
  server.client(kA);
  const Bytes null_path(4, std::byte{0xff});
  Bytes frame;
  JuteWriter out(frame);
  encode(out, RequestHeader{1, OpCode::Sync});
  out.raw(null_path);
  server.put(kA, frame);
  server.settle();
  server.sync();
  const Reply reply = server.must_take(kA);
  CHECK(reply.header.err == Code::Ok);
  CHECK(reply.body == null_path);
}

TEST_CASE("sync: echoes the path behind earlier writes, in its place") {
  StandaloneReplica server;
  server.client(kA);
  server.put_create(kA, 1, "/a");
  server.put(kA, 2, OpCode::Sync, PathRequest{"/none"});
  server.put(kA, 3, OpCode::GetData, PathWatchRequest{"/a", false});
  server.put(kA, 4, OpCode::SetData, SetDataRequest{"/a", "later", -1});
  server.settle();
  server.sync();
  CHECK(server.must_take(kA).header.xid == 1);
  Reply sync = server.must_take(kA);
  CHECK(sync.header.xid == 2);
  CHECK(decode_all<PathRequest>(sync.body)->path == "/none");
  Reply read = server.must_take(kA);
  CHECK(read.header.xid == 3);
  CHECK(decode_all<GetDataResponse>(read.body)->data == Buffer("data"));
  CHECK(server.must_take(kA).header.xid == 4);
}

TEST_CASE("closeSession: reply, then close; what came behind it is dropped") {
  StandaloneReplica server;
  ConnectResponse session = server.client(kA);
  server.put_create(kA, 1, "/e", CreateMode::Ephemeral);
  server.put(kA, 2, OpCode::CloseSession);
  server.put_create(kA, 3, "/late");
  server.settle();
  CHECK(server.must_take(kA).header.xid == 1);
  Reply close = server.must_take(kA);
  CHECK(close.header.xid == 2);
  CHECK(close.header.err == Code::Ok);
  CHECK(close.body.empty());
  CHECK(server.closed(kA));
  CHECK(server.replica->tree().find("/e") == nullptr);
  CHECK(server.replica->tree().find("/late") == nullptr);
  CHECK_FALSE(server.replica->tree().sessions().find(session.session_id));
  CHECK(server.replica->status().outstanding == 0);
}

TEST_CASE("each operation of the slice is answered end to end") {
  StandaloneReplica server;
  server.client(kA);
  server.put_create(kA, 1, "/a");
  server.put(kA, 2, OpCode::Create2, CreateRequest{"/a/s-", "", open_acl(), 2});
  server.put(kA, 3, OpCode::SetData, SetDataRequest{"/a", "new", 0});
  server.put(kA, 4, OpCode::GetData, PathWatchRequest{"/a", false});
  server.put(kA, 5, OpCode::Exists, PathWatchRequest{"/a", false});
  server.put(kA, 6, OpCode::GetChildren, PathWatchRequest{"/a", false});
  server.put(kA, 7, OpCode::GetChildren2, PathWatchRequest{"/a", false});
  server.put(kA, 8, OpCode::SetAcl, SetAclRequest{"/a", open_acl(), 0});
  server.put(kA, 9, OpCode::GetAcl, PathRequest{"/a"});
  server.put(kA, 10, OpCode::Delete, DeleteRequest{"/a/s-0000000000", -1});
  server.settle();
  server.sync();
  std::vector<Reply> replies;
  for (std::int32_t i = 1; i <= 10; ++i) {
    CAPTURE(i);
    replies.push_back(server.must_take(kA));
    CHECK(replies.back().header.xid == i);
    CHECK(replies.back().header.err == Code::Ok);
  }
  CHECK(decode_all<Create2Response>(replies[1].body)->path == "/a/s-0000000000");
  CHECK(decode_all<StatResponse>(replies[2].body)->stat.version == 1);
  CHECK(decode_all<GetDataResponse>(replies[3].body)->data == Buffer("new"));
  CHECK(decode_all<StatResponse>(replies[4].body)->stat.num_children == 1);
  CHECK(decode_all<GetChildrenResponse>(replies[5].body)->children.size() == 1);
  CHECK(decode_all<GetChildren2Response>(replies[6].body)->stat.num_children == 1);
  CHECK(decode_all<StatResponse>(replies[7].body)->stat.aversion == 1);
  CHECK(decode_all<GetAclResponse>(replies[8].body)->acl == open_acl());
  CHECK(replies[9].body.empty());
}

// ---- Watches (pitfalls D)
// ------------------------------------------------------------------------

TEST_CASE("the reply of the read that sets a watch comes first, the event before any newer state") {
  StandaloneReplica server;
  server.client(kA);
  server.client(kB);
  server.put_create(kB, 1, "/a");
  server.settle();
  server.must_take(kB);
  server.put(kA, 1, OpCode::GetData, PathWatchRequest{"/a", true});
  server.put(kB, 2, OpCode::SetData, SetDataRequest{"/a", "x", -1});
  server.settle();
  server.put(kA, 2, OpCode::GetData, PathWatchRequest{"/a", false});
  server.settle();
  CHECK(server.must_take(kA).header.xid == 1);
  WatcherEvent event = server.must_take_event(kA, server.applied());
  CHECK(event.type == EventType::NodeDataChanged);
  CHECK(event.path == "/a");
  CHECK(server.must_take(kA).header.xid == 2);
}

TEST_CASE("own write: its event comes before its reply") {
  StandaloneReplica server;
  server.client(kA);
  server.put(kA, 1, OpCode::Exists, PathWatchRequest{"/a", true});
  server.put_create(kA, 2, "/a");
  server.settle();
  CHECK(server.must_take(kA).header.err == Code::NoNode);
  CHECK(server.must_take_event(kA, server.applied()).type == EventType::NodeCreated);
  CHECK(server.must_take(kA).header.xid == 2);
}

TEST_CASE("a one-shot watch fires once; a failed write fires none") {
  StandaloneReplica server;
  server.client(kA);
  server.put_create(kA, 1, "/a");
  server.put(kA, 2, OpCode::GetData, PathWatchRequest{"/a", true});
  server.put(kA, 3, OpCode::SetData, SetDataRequest{"/a", "x", 9});
  server.put(kA, 4, OpCode::SetData, SetDataRequest{"/a", "x", 0});
  server.put(kA, 5, OpCode::SetData, SetDataRequest{"/a", "x", 1});
  server.settle();
  for (std::int32_t i = 1; i <= 3; ++i) CHECK(server.must_take(kA).header.xid == i);
  CHECK(server.must_take(kA).header.xid == xid::kEvent);
  CHECK(server.must_take(kA).header.xid == 4);
  CHECK(server.must_take(kA).header.xid == 5);
  CHECK(server.replica->status().watch_count == 0);
}

TEST_CASE("setWatches: what was missed comes before the reply, with zxid -1") {
  StandaloneReplica server;
  server.client(kA);
  server.put_create(kA, 1, "/a");
  server.settle();
  Zxid seen = server.must_take(kA).header.zxid;
  server.put(kA, 2, OpCode::SetData, SetDataRequest{"/a", "x", -1});
  server.settle();
  server.must_take(kA);
  server.put(kA, xid::kSetWatches, OpCode::SetWatches, SetWatchesRequest{seen, {"/a"}, {}, {}});
  server.settle();
  CHECK(server.must_take_event(kA, -1).type == EventType::NodeDataChanged);
  CHECK(server.must_take(kA).header.xid == xid::kSetWatches);
}

TEST_CASE("watches go with their connection") {
  StandaloneReplica server;
  server.client(kA);
  server.put(kA, 1, OpCode::Exists, PathWatchRequest{"/a", true});
  server.settle();
  CHECK(server.replica->status().watch_count == 1);
  server.replica->on_client_closed(kA);
  CHECK(server.replica->status().watch_count == 0);
}

// ---- Limits and ends
// -----------------------------------------------------------------------------

TEST_CASE("back pressure: above the limit a connection that asks is paused, and resumed later") {
  ReplicaOptions options;
  options.outstanding_max = 4;
  StandaloneReplica server(std::move(options));
  server.client(kA);
  server.client(kB);
  for (std::int32_t i = 1; i <= 6; ++i) server.put_create(kA, i, "/n" + std::to_string(i));
  server.put(kB, 1, OpCode::Exists, PathWatchRequest{"/", false});
  server.pump();
  CHECK(server.fake.clients.paused.contains(kA));
  CHECK_FALSE(server.fake.clients.paused.contains(kB));
  CHECK(server.replica->status().outstanding == 6);
  server.sync();
  CHECK_FALSE(server.fake.clients.paused.contains(kA));
  CHECK(server.replica->status().outstanding == 0);
}

TEST_CASE("back pressure: too many open requests of one connection pause it alone") {
  ReplicaOptions options;
  options.per_connection_max = 3;
  StandaloneReplica server(std::move(options));
  server.client(kA);
  for (std::int32_t i = 1; i <= 3; ++i) server.put_create(kA, i, "/n" + std::to_string(i));
  server.pump();
  CHECK(server.fake.clients.paused.contains(kA));
  server.sync();
  CHECK_FALSE(server.fake.clients.paused.contains(kA));
}

TEST_CASE("writes that wait at the limit of proposals are not passed by those that come later") {
  ReplicaOptions options;
  options.peer.outstanding_max = 2;
  StandaloneReplica server(std::move(options));
  server.client(kA);
  server.client(kB);
  // Each needs the one before: in any other order it would be refused.
  std::string path;
  std::int32_t xid = 0;
  const auto put_below = [&] { server.put_create(kA, ++xid, path += "/n"); };
  for (int i = 0; i < 5; ++i) put_below();
  server.put_create(kB, 1, "/b");
  server.pump();
  CHECK(server.replica->peer().outstanding() == 2);
  // There is room again when each of these comes, but not for it.
  for (int i = 0; i < 4; ++i) {
    server.replica->on_synced(server.fake.disk.last_write);
    put_below();
    server.pump();
  }
  while (server.replica->status().outstanding > 0) server.settle();
  // Nothing waits any more.
  put_below();
  server.settle();
  Bytes frames = server.fake.clients.take(kA);
  std::int32_t answered = 0;
  std::int64_t last_zxid = 0;
  for (; !frames.empty(); frames = server.fake.clients.take(kA)) {
    JuteReader in(frames);
    ReplyHeader header;
    decode(in, header);
    CHECK(header.xid == ++answered);
    CHECK(header.err == Code::Ok);
    CHECK(header.zxid.value > last_zxid);
    last_zxid = header.zxid.value;
  }
  CHECK(answered == xid);
  CHECK(server.must_take(kB).header.err == Code::Ok);
}

TEST_CASE("a connection that ends with a write under way does not disturb its successor") {
  StandaloneReplica server;
  ConnectResponse session = server.client(kA);
  server.put_create(kA, 1, "/old");
  server.pump();
  server.replica->on_client_closed(kA);
  ConnectRequest again;
  again.session_id = session.session_id;
  again.password = session.password;
  server.open(kB);
  server.put(kB, encode_all(again));
  server.put_create(kB, 1, "/new");
  server.settle();
  server.sync();
  CHECK(server.take_connect(kB).session_id == session.session_id);
  Reply reply = server.must_take(kB);
  CHECK(decode_all<CreateResponse>(reply.body)->path == "/new");
  CHECK_FALSE(server.take(kB).has_value());
  CHECK(server.replica->tree().find("/old") != nullptr);
}

TEST_CASE("stop: clients are closed, a last checkpoint is written, nobody is let in") {
  StandaloneReplica server;
  server.client(kA);
  server.put_create(kA, 1, "/a");
  server.settle();
  server.replica->stop();
  CHECK(server.closed(kA));
  REQUIRE(server.fake.disk.checkpoints.size() == 1);
  CHECK(server.fake.disk.checkpoints[0].zxid == Zxid{server.applied()});
  server.connect(kB, {});
  CHECK(server.closed(kB));
}

TEST_CASE("status: what srvr and mntr tell") {
  StandaloneReplica server;
  server.client(kA);
  server.put_create(kA, 1, "/e", CreateMode::Ephemeral);
  server.pump();
  server.fake.clock.now += 7;
  server.sync();
  ServerStatus status = server.replica->status();
  CHECK(status.serving);
  CHECK(status.mode == "standalone");
  CHECK(status.last_applied == Zxid{server.applied()});
  CHECK(status.sessions == 1);
  CHECK(status.ephemeral_count == 1);
  CHECK(status.packets_received == 2);
  CHECK(status.packets_sent == 2);
  CHECK(status.max_latency_ms == 7);
  CHECK(status.proposals == 2);
  CHECK(status.max_proposal_size > status.min_proposal_size);
  CHECK(server.replica->ephemerals().front().paths == std::vector<std::string>{"/e"});
  CHECK(server.replica->session_list().front().expires_ms.has_value());
  server.replica->reset_statistics();
  CHECK(server.replica->status().packets_received == 0);
}

// ---- The log
// -------------------------------------------------------------------------------------

std::vector<consensus::LogRecord> some_log() {
  StandaloneReplica server;
  server.client(kA);
  server.put_create(kA, 1, "/a");
  server.put_create(kA, 2, "/b");
  server.settle();
  return server.fake.disk.log();
}

consensus::LogRecord altered(const consensus::LogRecord& record, std::size_t index) {
  Bytes bytes(record.bytes.view().begin(), record.bytes.view().end());
  bytes.at(index) ^= std::byte{1};
  return {record.zxid, SharedBytes(std::move(bytes))};
}

TEST_CASE("after a restart the log gives back tree and sessions; each session has its time again") {
  StandaloneReplica server({}, some_log());
  CHECK(server.applied() == 3);
  CHECK(server.replica->tree().find("/b") != nullptr);
  CHECK(server.replica->status().sessions == 1);
  server.pass(9000);
  server.sync();
  CHECK(server.replica->status().sessions == 1);
  server.pass(5000);
  server.sync();
  CHECK(server.replica->status().sessions == 0);
}

TEST_CASE("a digest that differs is said once, counted, and service goes on") {
  auto log = some_log();
  for (std::size_t i : {std::size_t{1}, std::size_t{2}}) {
    log[i] = altered(log[i], log[i].bytes.size() - 1);
  }
  StandaloneReplica server({}, std::move(log));
  CHECK(server.replica->status().digest_mismatches == 2);
  CHECK(server.replica->status().serving);
  REQUIRE(server.fake.observer.notes.size() == 1);
  CHECK(server.fake.observer.notes[0] == "E digest mismatch zxid=0x2");
}

TEST_CASE("a txn that cannot be applied ends the process, named by zxid and type") {
  static std::string said;
  set_fatal_hook([](std::string_view what) {
    said = what;
    throw 1;
  });
  auto log = some_log();
  constexpr std::size_t kTypeByte = 31;
  log[1] = altered(log[1], kTypeByte - 1);
  CHECK_THROWS(StandaloneReplica({}, std::move(log)));
  set_fatal_hook(nullptr);
  CHECK(said.find("zxid=0x2") != std::string::npos);
  CHECK(said.find("type=257") != std::string::npos);
}

TEST_CASE("a txn that no packet could carry is refused, and what is in flight is kept (R54)") {
  ReplicaOptions options;
  options.peer.max_field = 300;
  StandaloneReplica server(std::move(options));
  server.client(kA);
  server.put_create(kA, 1, "/a");
  server.put(kA, 2, OpCode::Create, CreateRequest{"/big", std::string(300, 'x'), open_acl(), 0});
  server.put_create(kA, 3, "/a/b");
  server.put_create(kA, 4, "/big/c");
  server.settle();
  CHECK(server.must_take(kA).header.err == Code::Ok);
  CHECK(server.must_take(kA).header.err == Code::MarshallingError);
  CHECK(server.must_take(kA).header.err == Code::Ok);
  CHECK(server.must_take(kA).header.err == Code::NoNode);
  CHECK(server.replica->status().digest_mismatches == 0);
}

TEST_CASE("a session with more ephemerals than one packet can name is closed all the same (R54)") {
  ReplicaOptions options;
  options.peer.max_field = 300;
  StandaloneReplica server(std::move(options));
  server.client(kA);
  for (std::int32_t i = 1; i <= 30; ++i) {
    server.put_create(kA, i, "/ephemeral" + std::to_string(i), CreateMode::Ephemeral);
  }
  server.put(kA, 31, OpCode::CloseSession);
  server.settle();
  CHECK(server.closed(kA));
  CHECK(server.replica->status().ephemeral_count == 0);
  // The digest of what follows shows that leader and tree agree.
  server.client(kB);
  server.put_create(kB, 1, "/after");
  server.settle();
  CHECK(server.must_take(kB).header.err == Code::Ok);
  CHECK(server.replica->status().digest_mismatches == 0);
}

TEST_CASE("no bytes of a client disturb the others") {
  Random random(7);
  StandaloneReplica server;
  server.client(kB, 40000);
  for (std::int64_t round = 0; round < 400; ++round) {
    ConnectionId id{100 + round};
    if (round % 4 == 0)
      server.open(id);
    else
      server.client(id);
    for (int i = 0; i < 5; ++i) {
      Bytes frame(random.below(80));
      for (auto& byte : frame)
        byte = static_cast<std::byte>(random.percent(60) ? 0 : random.next());
      if (frame.size() > 8)
        store_be<std::int32_t>(frame.data() + 4, static_cast<std::int32_t>(random.below(23)));
      server.put(id, frame);
    }
    server.settle();
    if (round % 8 == 0) server.replica->on_client_closed(id);
  }
  server.put_create(kB, 1, "/fine");
  server.settle();
  CHECK(server.must_take(kB).header.err == Code::Ok);
  CHECK_FALSE(server.closed(kB));
  CHECK(server.replica->status().digest_mismatches == 0);
}

}  // namespace
}  // namespace quorate::server
