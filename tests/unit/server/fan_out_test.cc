// Watch events for many connections: slices, order, rights (client-protocol 10, hazard R64).
#include "server/replica/fan_out.h"

#include <doctest/doctest.h>

#include "tests/support/standalone_replica.h"

namespace quorate::server {
namespace {

constexpr ConnectionId kWriter{1000};

ReplicaOptions small_slices() {
  ReplicaOptions options;
  options.fan_out = {.at_once = 2, .slice = 3};
  return options;
}

/// A writer, and connections 1 to `watchers` that wait for a change of /n.
struct Crowd {
  explicit Crowd(std::int64_t watchers, ReplicaOptions options = small_slices())
      : server(std::move(options)), count(watchers) {
    server.client(kWriter);
    server.put_create(kWriter, 1, "/n");
    server.settle();
    server.must_take(kWriter);
    for (std::int64_t id = 1; id <= watchers; ++id) {
      server.client(ConnectionId{id});
      watch(ConnectionId{id});
    }
  }
  void watch(ConnectionId id) {
    server.put(id, 1, OpCode::GetData, PathWatchRequest{"/n", true});
    server.settle();
    CHECK(server.must_take(id).header.err == Code::Ok);
  }
  void add_watch(ConnectionId id) {
    Bytes frame;
    JuteWriter out(frame);
    encode(out, RequestHeader{1, OpCode::AddWatch});
    out.string("/n");
    out.i32(0);
    server.put(id, frame);
    server.settle();
    CHECK(server.must_take(id).header.err == Code::Ok);
  }
  std::int64_t write(std::int32_t xid = 2) {
    server.put(kWriter, xid, OpCode::SetData, SetDataRequest{"/n", "new", kAnyVersion});
    server.settle();
    return server.applied();
  }
  /// Connections with something to take.
  std::int64_t told() {
    std::int64_t told = 0;
    for (std::int64_t id = 1; id <= count; ++id) {
      if (!server.fake.clients.received[ConnectionId{id}].empty()) ++told;
    }
    return told;
  }
  void finish() {
    while (server.replica->has_more()) server.replica->pump_more();
  }

  StandaloneReplica server;
  std::int64_t count;
};

}  // namespace

TEST_CASE("fan-out: the writer's reply leaves first, then slices of bounded size") {
  Crowd crowd(8);
  CHECK_FALSE(crowd.server.replica->has_more());
  crowd.write();
  CHECK(crowd.server.must_take(kWriter).header.xid == 2);
  CHECK(crowd.told() == 0);
  for (std::int64_t told : {3, 6, 8}) {
    REQUIRE(crowd.server.replica->has_more());
    crowd.server.replica->pump_more();
    CHECK(crowd.told() == told);
  }
  CHECK_FALSE(crowd.server.replica->has_more());
  for (std::int64_t id = 1; id <= 8; ++id) {
    WatcherEvent event = crowd.server.must_take_event(ConnectionId{id}, crowd.server.applied());
    CHECK(event.type == EventType::NodeDataChanged);
    CHECK(event.path == "/n");
    CHECK_FALSE(crowd.server.take(ConnectionId{id}).has_value());
  }
  CHECK(crowd.server.replica->status().watch_count == 0);
}

TEST_CASE("fan-out: a few are told in the pump of their txn") {
  Crowd crowd(2);
  crowd.write();
  CHECK_FALSE(crowd.server.replica->has_more());
  CHECK(crowd.told() == 2);
}

TEST_CASE("fan-out: whoever is answered is told first, and once; the writer by its own event") {
  Crowd crowd(8);
  crowd.watch(kWriter);
  const std::int64_t zxid = crowd.write();
  crowd.server.must_take_event(kWriter, zxid);
  CHECK(crowd.server.must_take(kWriter).header.xid == 2);
  // A read, a ping and a refusal, each of a connection whose slice is far away.
  const ConnectionId reader{8}, pinger{7}, refused{6};
  crowd.server.put(reader, 5, OpCode::GetData, PathWatchRequest{"/n", true});
  crowd.server.put(pinger, xid::kPing, OpCode::Ping);
  crowd.server.put(refused, 5, OpCode::Exists, PathWatchRequest{"/none", false});
  crowd.server.pump();
  for (ConnectionId id : {reader, pinger, refused}) {
    crowd.server.must_take_event(id, zxid);
    CHECK(crowd.server.must_take(id).header.xid != xid::kEvent);
  }
  crowd.finish();
  for (ConnectionId id : {reader, pinger, refused, kWriter}) {
    CHECK_FALSE(crowd.server.take(id).has_value());
  }
  CHECK(crowd.told() == 5);
  // The reader watches again, and hears of the next change.
  const std::int64_t next = crowd.write(3);
  crowd.finish();
  crowd.server.must_take_event(reader, next);
}

TEST_CASE("fan-out: events of one connection keep their order, told by slice or at once") {
  Crowd crowd(5);
  for (std::int64_t id = 1; id <= 5; ++id) crowd.add_watch(ConnectionId{id});
  std::vector<std::int64_t> zxids;
  for (std::int32_t xid = 2; xid < 6; ++xid) {
    zxids.push_back(crowd.write(xid));
    if (xid == 3) crowd.server.replica->pump_more();
  }
  // A small event passes none of the big ones that wait for the same connection.
  crowd.server.put(ConnectionId{5}, 9, OpCode::Exists, PathWatchRequest{"/m", true});
  crowd.server.put_create(kWriter, 9, "/m");
  crowd.server.settle();
  crowd.finish();
  for (std::int64_t id = 1; id <= 5; ++id) {
    std::vector<std::int64_t> heard;
    while (auto reply = crowd.server.take(ConnectionId{id})) {
      if (reply->header.xid == xid::kEvent) heard.push_back(reply->header.zxid.value);
    }
    std::vector<std::int64_t> expected = zxids;
    if (id == 5) expected.push_back(crowd.server.applied());
    CHECK(heard == expected);
  }
}

TEST_CASE("fan-out: more events than may wait push the oldest out; none is lost or doubled") {
  Crowd crowd(4);
  for (std::int64_t id = 1; id <= 4; ++id) crowd.add_watch(ConnectionId{id});
  const int writes = static_cast<int>(FanOut::kBroadcastsMax) + 10;
  std::vector<std::int64_t> zxids;
  for (int i = 0; i < writes; ++i) zxids.push_back(crowd.write(i));
  // The first ten had to leave already.
  for (std::int64_t id = 1; id <= 4; ++id) {
    CHECK(crowd.server.fake.clients.received[ConnectionId{id}].size() == 10);
  }
  crowd.finish();
  for (std::int64_t id = 1; id <= 4; ++id) {
    for (std::int64_t zxid : zxids) crowd.server.must_take_event(ConnectionId{id}, zxid);
    CHECK_FALSE(crowd.server.take(ConnectionId{id}).has_value());
  }
}

TEST_CASE("fan-out: connections that end meanwhile are passed over") {
  Crowd crowd(8);
  crowd.write();
  crowd.server.replica->on_client_closed(ConnectionId{1});
  crowd.server.put(ConnectionId{2}, 7, OpCode::CloseSession);
  crowd.server.settle();
  // Told before the answer to its close.
  CHECK(crowd.server.must_take(ConnectionId{2}).header.xid == xid::kEvent);
  CHECK(crowd.server.must_take(ConnectionId{2}).header.xid == 7);
  crowd.finish();
  CHECK(crowd.told() == 6);
  CHECK_FALSE(crowd.server.take(ConnectionId{2}).has_value());
}

TEST_CASE("fan-out: READ as it was when the event happened, asked of each connection") {
  Crowd crowd(4);
  // From here on nobody may read /n: the change of the list is no event, the next write is
  // filtered.
  crowd.server.put(kWriter, 5, OpCode::SetAcl,
                   SetAclRequest{"/n", {{perm::kWrite | perm::kAdmin, {"world", "anyone"}}}, -1});
  crowd.write();
  CHECK(crowd.server.replica->has_more());
  // Readable again before any slice was told: what happened before stays hidden.
  crowd.server.put(kWriter, 6, OpCode::SetAcl, SetAclRequest{"/n", open_acl(), -1});
  crowd.server.settle();
  crowd.finish();
  CHECK(crowd.told() == 0);
  // A filtered event has used the watches up.
  CHECK(crowd.server.replica->status().watch_count == 0);
  for (std::int64_t id = 1; id <= 4; ++id) crowd.watch(ConnectionId{id});
  crowd.server.put(kWriter, 7, OpCode::SetAcl,
                   SetAclRequest{"/n", {{perm::kAll, {"ip", "127.0.0.1"}}}, -1});
  crowd.write();
  crowd.finish();
  CHECK(crowd.told() == 4);
}

TEST_CASE("fan-out: with skipACL nobody's rights are asked for") {
  for (std::size_t at_once : {0u, 100u}) {
    ReplicaOptions options;
    options.ops.skip_acl = true;
    options.fan_out = {.at_once = at_once, .slice = 3};
    Crowd crowd(4, options);
    crowd.server.put(kWriter, 5, OpCode::SetAcl,
                     SetAclRequest{"/n", {{perm::kWrite, {"world", "anyone"}}}, -1});
    crowd.write();
    crowd.finish();
    CHECK(crowd.told() == 4);
  }
}

TEST_CASE("watches by session: what wchs, wchc and wchp tell") {
  Crowd crowd(2);
  crowd.server.put(ConnectionId{1}, 3, OpCode::Exists, PathWatchRequest{"/later", true});
  crowd.server.put(ConnectionId{1}, 4, OpCode::GetChildren, PathWatchRequest{"/", true});
  crowd.server.pump();
  const znode::WatchSummary summary = crowd.server.replica->watch_summary();
  CHECK(summary.connections == 2);
  CHECK(summary.paths == 2);
  CHECK(summary.watches == 3);
  CHECK(crowd.server.replica->status().watch_count == 4);
  const std::vector<SessionPaths> list = crowd.server.replica->watches_by_session();
  REQUIRE(list.size() == 2);
  CHECK(list[0].paths == std::vector<std::string>{"/later", "/n"});
  CHECK(list[1].paths == std::vector<std::string>{"/n"});
  CHECK(list[0].session != list[1].session);
}

}  // namespace quorate::server
