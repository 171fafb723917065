// A server without a leader, with readonlymode.enabled; and a leader that takes no clients.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/replica_ensemble.h"
#include "znode/session_password.h"

namespace quorate::server {
namespace {

constexpr ConnectionId kA{1}, kB{2}, kC{3};

ReplicaOptions with_read_only_mode() {
  ReplicaOptions options;
  options.read_only_mode = true;
  return options;
}

ConnectRequest reader() {
  ConnectRequest request;
  request.read_only = true;
  return request;
}

struct Trio : ReplicaEnsemble {
  explicit Trio(const ReplicaOptions& given) : ReplicaEnsemble(3), options(given) {
    for (int i = 1; i <= 3; ++i) start(i, options);
    run_until([this] { return all_serve(); });
  }
  /// Two of three end; the one that is left has /a.
  EnsembleNode& alone() {
    NodeClient writer(*this, leader(), ConnectionId{90});
    writer.create(1, "/a");
    CHECK(writer.take().err == Code::Ok);
    run(50);
    EnsembleNode& left = follower();
    for (int i = 0; i < 3; ++i) {
      EnsembleNode* node = nodes[static_cast<std::size_t>(i)].get();
      if (node != nullptr && node != &left) stop(*node);
    }
    return left;
  }
  EnsembleNode& read_only() {
    EnsembleNode& left = alone();
    run_until([&] { return left.replica->status().read_only; }, 400);
    return left;
  }
  /// Whether the server ends the connection without a byte.
  bool shut_out(EnsembleNode& node, ConnectionId id, const ConnectRequest& request) {
    node.replica->on_client_open(id, {"127.0.0.1"});
    node.replica->on_client_frame(id, encode_all(request));
    run(1);
    return node.clients.closed.contains(id) && node.clients.received[id].empty();
  }

  ReplicaOptions options;
};

Code ask(NodeClient& client, std::int32_t xid, OpCode op, const std::string& path) {
  client.put(xid, op, PathWatchRequest{path, false});
  ReplyHeader header = client.take();
  CHECK(header.xid == xid);
  return header.err;
}

TEST_CASE("read-only mode: begins two seconds after the leader was lost, for readers only") {
  Trio world(with_read_only_mode());
  EnsembleNode& left = world.alone();
  world.run_until([&] { return !left.replica->status().serving; }, 300);
  world.run(150);
  CHECK(world.shut_out(left, kA, reader()));
  world.run_until([&] { return left.replica->status().read_only; }, 100);
  CHECK(left.replica->status().mode == "read-only");
  CHECK_FALSE(left.replica->status().serving);
  CHECK(world.shut_out(left, kB, {}));
  ConnectRequest other;
  other.read_only = false;
  CHECK(world.shut_out(left, kC, other));
  NodeClient client(world, left, ConnectionId{4}, reader());
  CHECK(client.answer.read_only == std::optional(true));
  CHECK(client.answer.session_id != SessionId{});
  CHECK((client.answer.session_id.value >> 56) == left.id.value);
  CHECK(left.replica->status().local_sessions == 1);
}

TEST_CASE("read-only mode: a server without the mode lets nobody in") {
  Trio world{ReplicaOptions()};
  EnsembleNode& left = world.alone();
  world.run(400);
  CHECK(world.shut_out(left, kA, reader()));
  CHECK(left.replica->status().mode.empty());
}

TEST_CASE("read-only mode: reads and watches are answered, what changes or syncs is refused") {
  Trio world(with_read_only_mode());
  EnsembleNode& left = world.read_only();
  const Zxid logged = left.replica->peer().last_logged();
  NodeClient client(world, left, kA, reader());
  CHECK(ask(client, 1, OpCode::GetData, "/a") == Code::Ok);
  CHECK(ask(client, 2, OpCode::GetData, "/none") == Code::NoNode);
  CHECK(ask(client, 3, OpCode::GetChildren2, "/") == Code::Ok);
  std::int32_t xid = 10;
  for (OpCode op : {OpCode::Create, OpCode::Create2, OpCode::CreateTtl, OpCode::CreateContainer,
                    OpCode::Delete, OpCode::DeleteContainer, OpCode::SetData, OpCode::SetAcl,
                    OpCode::Multi, OpCode::Check, OpCode::Reconfig, OpCode::Sync}) {
    CAPTURE(static_cast<int>(op));
    CHECK(ask(client, ++xid, op, "/a") == Code::NotReadOnly);
  }
  client.put(20, OpCode::Exists, PathWatchRequest{"/a", true});
  CHECK(client.take().err == Code::Ok);
  CHECK(left.replica->status().watch_count == 1);
  client.put(xid::kPing, OpCode::Ping, PathRequest{});
  CHECK(client.take().xid == xid::kPing);
  CHECK(left.replica->peer().last_logged() == logged);
  CHECK_FALSE(client.closed());
}

TEST_CASE("read-only mode: a session ends by closeSession or silence, and comes back by its id") {
  Trio world(with_read_only_mode());
  EnsembleNode& left = world.read_only();
  ConnectRequest request = reader();
  request.timeout_ms = 4000;
  NodeClient client(world, left, kA, request);
  ConnectRequest again = client.again();
  again.read_only = true;
  again.timeout_ms = 4000;
  NodeClient back(world, left, kB, again);
  CHECK(back.answer.session_id == client.answer.session_id);
  CHECK(client.closed());
  for (int i = 0; i < 10; ++i) {
    world.run(150);
    back.put(xid::kPing, OpCode::Ping, PathRequest{});
    CHECK(back.take().xid == xid::kPing);
  }
  world.run_until([&] { return back.closed(); }, 1000);
  CHECK(left.replica->status().local_sessions == 0);
  CHECK(NodeClient(world, left, kC, again).answer.timeout_ms == 0);
  NodeClient other(world, left, ConnectionId{4}, reader());
  other.put(1, OpCode::CloseSession, PathRequest{});
  CHECK(other.take().err == Code::Ok);
  CHECK(other.closed());
  CHECK(left.replica->status().local_sessions == 0);
}

TEST_CASE("read-only mode: of sessions that it did not make nothing is said, they may live") {
  Trio world(with_read_only_mode());
  NodeClient before(world, world.leader(), kA);
  ConnectRequest global = before.again();
  global.read_only = true;
  EnsembleNode& left = world.read_only();
  REQUIRE(left.replica->tree().sessions().find(global.session_id).has_value());
  CHECK(world.shut_out(left, kA, global));
  global.session_id = SessionId{0x0900000000000001};
  global.password = znode::session_password(global.session_id);
  CHECK(world.shut_out(left, kB, global));
  ConnectRequest ahead = reader();
  ahead.last_zxid_seen = left.replica->tree().last_applied().next();
  CHECK(world.shut_out(left, kC, ahead));
}

TEST_CASE("read-only mode: ends when there is a leader again; its clients come back for more") {
  Trio world(with_read_only_mode());
  EnsembleNode& left = world.read_only();
  NodeClient client(world, left, kA, reader());
  const int other = left.id.value == 1 ? 2 : 1;
  world.start(other, world.options);
  world.run_until([&] { return world.all_serve(); });
  CHECK(client.closed());
  CHECK_FALSE(left.replica->status().read_only);
  CHECK(left.replica->status().local_sessions == 0);
  ConnectRequest old = client.again();
  old.read_only = true;
  NodeClient refused(world, left, kB, old);
  CHECK(refused.answer.timeout_ms == 0);
  NodeClient real(world, left, kC, reader());
  CHECK(real.answer.read_only == std::optional(false));
  real.create(1, "/b");
  CHECK(real.take().err == Code::Ok);
}

TEST_CASE("read-only mode: also of an ensemble that has never committed anything") {
  Trio world(with_read_only_mode());
  EnsembleNode& left = world.follower();
  REQUIRE(left.replica->peer().last_logged() == Zxid{});
  for (int i = 0; i < 3; ++i) {
    EnsembleNode* node = world.nodes[static_cast<std::size_t>(i)].get();
    if (node != nullptr && node != &left) world.stop(*node);
  }
  world.run_until([&] { return left.replica->status().read_only; }, 600);
  NodeClient client(world, left, kA, reader());
  CHECK(client.answer.read_only == std::optional(true));
  CHECK(ask(client, 1, OpCode::GetChildren2, "/") == Code::Ok);
}

TEST_CASE("read-only mode: not of a log of which nobody says that it is committed") {
  ReplicaEnsemble world(3);
  Recovered recovered;
  recovered.durable.accepted_epoch = recovered.durable.current_epoch = 1;
  recovered.durable.records = {{Zxid::make(1, 1), SharedBytes()}};
  EnsembleNode& node = world.start(1, with_read_only_mode(), std::move(recovered));
  REQUIRE(node.replica->peer().last_logged() > Zxid{});
  world.run(500);
  CHECK_FALSE(node.replica->status().read_only);
}

TEST_CASE("read-only mode: a server that has never had a leader has nothing to show") {
  ReplicaEnsemble world(3);
  EnsembleNode& node = world.start(1, with_read_only_mode());
  world.run(500);
  CHECK_FALSE(node.replica->status().read_only);
}

TEST_CASE("leaderServes=no: the leader takes no clients, followers do") {
  ReplicaOptions options;
  options.leader_serves = false;
  Trio world(options);
  CHECK(world.leader().replica->status().serving);
  CHECK_FALSE(world.leader().replica->status().takes_clients());
  CHECK(world.shut_out(world.leader(), kA, {}));
  NodeClient client(world, world.follower(), kB);
  client.create(1, "/a");
  CHECK(client.take().err == Code::Ok);
}

TEST_CASE("leaderServes=no: a server alone serves all the same") {
  ReplicaOptions options;
  options.leader_serves = false;
  options.read_only_mode = true;
  StandaloneReplica alone(std::move(options));
  CHECK(alone.client(kA).session_id != SessionId{});
  CHECK(alone.replica->status().takes_clients());
}

}  // namespace
}  // namespace quorate::server
