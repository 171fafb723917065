// linearizableReads: a read waits until the leader has proved itself after it came.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/replica_ensemble.h"

namespace quorate::server {
namespace {

constexpr ConnectionId kA{1}, kB{2}, kC{3};

struct Strict : ReplicaEnsemble {
  Strict() : ReplicaEnsemble(3) {
    ReplicaOptions options;
    options.linearizable_reads = true;
    for (int i = 1; i <= 3; ++i) start(i, options);
    run_until([this] { return all_serve(); });
  }
};

void get(NodeClient& client, std::int32_t xid, const std::string& path, bool watch = false) {
  client.put(xid, OpCode::GetData, PathWatchRequest{path, watch});
}

std::size_t waiting(const EnsembleNode& node, ConnectionId id) {
  auto at = node.clients.received.find(id);
  return at == node.clients.received.end() ? 0 : at->second.size();
}

TEST_CASE("linearizable reads: a follower answers with what was acknowledged elsewhere before") {
  Strict world;
  NodeClient writer(world, world.leader(), kA);
  NodeClient reader(world, world.follower(1), kB);
  for (std::int32_t i = 1; i <= 20; ++i) {
    std::string path = "/n" + std::to_string(i);
    writer.create(i, path);
    const Zxid written = writer.take().zxid;
    get(reader, i, path);
    ReplyHeader read = reader.take();
    CHECK(read.xid == i);
    CHECK(read.err == Code::Ok);
    CHECK(read.zxid >= written);
  }
}

TEST_CASE("linearizable reads: none is answered before the leader has answered") {
  Strict world;
  EnsembleNode& node = world.follower();
  NodeClient client(world, node, kA);
  get(client, 1, "/");
  client.put(2, OpCode::GetChildren2, PathWatchRequest{"/", false});
  node.replica->pump();
  CHECK(waiting(node, kA) == 0);
  CHECK(node.replica->status().outstanding == 2);
  CHECK(node.replica->status().pending_syncs == 1);
  CHECK(client.take().xid == 1);
  CHECK(client.take().xid == 2);
  CHECK(node.replica->status().outstanding == 0);
}

TEST_CASE("linearizable reads: the leader too asks a quorum first") {
  Strict world;
  EnsembleNode& node = world.leader();
  NodeClient client(world, node, kA);
  get(client, 1, "/");
  node.replica->pump();
  CHECK(waiting(node, kA) == 0);
  CHECK(client.take().xid == 1);
}

TEST_CASE("linearizable reads: a leader that has lost its followers answers none") {
  Strict world;
  EnsembleNode& node = world.leader();
  NodeClient client(world, node, kA);
  for (int i = 0; i < 3; ++i) {
    EnsembleNode* other = world.nodes[static_cast<std::size_t>(i)].get();
    if (other != nullptr && other != &node) world.stop(*other);
  }
  get(client, 1, "/");
  node.replica->pump();
  world.run_until([&] { return client.closed(); }, 1000);
  CHECK(waiting(node, kA) == 0);
}

TEST_CASE("linearizable reads: many wait for one round; who comes later waits for the next") {
  Strict world;
  EnsembleNode& node = world.follower();
  NodeClient a(world, node, kA), b(world, node, kB), c(world, node, kC);
  get(a, 1, "/");
  get(b, 1, "/");
  node.replica->pump();
  CHECK(node.replica->status().pending_syncs == 1);
  get(c, 1, "/");
  get(a, 2, "/");
  node.replica->pump();
  CHECK(node.replica->status().pending_syncs == 1);
  CHECK(a.take().xid == 1);
  CHECK(waiting(node, kB) == 1);
  CHECK(waiting(node, kC) == 0);
  CHECK(waiting(node, kA) == 0);
  CHECK(a.take().xid == 2);
  CHECK(b.take().xid == 1);
  CHECK(c.take().xid == 1);
  CHECK(node.replica->status().pending_syncs == 0);
}

TEST_CASE("linearizable reads: a session's order holds, a write is not seen by a read before it") {
  Strict world;
  EnsembleNode& node = world.follower();
  NodeClient client(world, node, kA);
  client.create(1, "/a");
  get(client, 2, "/b");
  client.create(3, "/b");
  get(client, 4, "/b", /*watch=*/true);
  client.put(5, OpCode::Sync, PathRequest{"/"});
  client.put(6, OpCode::Delete, DeleteRequest{"/b", kAnyVersion});
  const Code codes[] = {Code::Ok, Code::NoNode, Code::Ok, Code::Ok, Code::Ok};
  for (std::int32_t i = 1; i <= 5; ++i) {
    ReplyHeader header = client.take();
    CHECK(header.xid == i);
    CHECK(header.err == codes[i - 1]);
  }
  CHECK(client.take().xid == xid::kEvent);
  CHECK(client.take().xid == 6);
}

TEST_CASE("linearizable reads: pings, writes and requests about watches do not wait for a round") {
  Strict world;
  EnsembleNode& node = world.follower();
  NodeClient client(world, node, kA);
  client.put(xid::kPing, OpCode::Ping, PathRequest{});
  client.put(1, OpCode::WhoAmI, PathRequest{});
  node.replica->pump();
  CHECK(waiting(node, kA) == 2);
  CHECK(client.take().xid == xid::kPing);
  CHECK(client.take().xid == 1);
  client.create(2, "/a");
  node.replica->pump();
  CHECK(node.replica->status().pending_syncs == 0);
  CHECK(client.take().xid == 2);
}

TEST_CASE("linearizable reads: what waits is bounded by the limits of the connection") {
  ReplicaEnsemble world(3);
  ReplicaOptions options;
  options.linearizable_reads = true;
  options.per_connection_max = 4;
  for (int i = 1; i <= 3; ++i) world.start(i, options);
  world.run_until([&] { return world.all_serve(); });
  EnsembleNode& node = world.follower();
  NodeClient client(world, node, kA);
  for (std::int32_t i = 1; i <= 4; ++i) get(client, i, "/");
  node.replica->pump();
  CHECK(node.clients.paused.contains(kA));
  for (std::int32_t i = 1; i <= 4; ++i) CHECK(client.take().xid == i);
  world.run(2);
  CHECK_FALSE(node.clients.paused.contains(kA));
}

TEST_CASE("linearizable reads: a connection that ends while it waits is forgotten") {
  Strict world;
  EnsembleNode& node = world.follower();
  NodeClient gone(world, node, kA), stays(world, node, kB);
  get(gone, 1, "/");
  get(stays, 1, "/");
  node.replica->on_client_closed(kA);
  node.replica->pump();
  CHECK(stays.take().xid == 1);
  CHECK(node.replica->status().outstanding == 0);
}

TEST_CASE("linearizable reads: where the leader proves no sync, a write that must fail stands in") {
  ReplicaEnsemble world(3);
  ReplicaOptions options;
  options.linearizable_reads = true;
  for (int i = 1; i <= 3; ++i) world.start(i, options).links.hides_mark = true;
  world.run_until([&] { return world.all_serve(); });
  EnsembleNode& node = world.follower();
  NodeClient client(world, node, kA), other(world, node, kB);
  world.run(50);
  const Zxid before = node.replica->tree().last_applied();
  get(client, 1, "/");
  get(client, 2, "/");
  get(other, 1, "/");
  node.replica->pump();
  CHECK(waiting(node, kA) == 0);
  CHECK(node.replica->status().pending_syncs == 0);
  ReplyHeader first = client.take();
  CHECK(first.err == Code::Ok);
  CHECK(first.zxid == before.next());
  CHECK(client.take().zxid == before.next());
  CHECK(other.take().zxid == before.next());
  get(client, 3, "/");
  CHECK(client.take().zxid == before.next().next());
  CHECK(world.leader().replica->tree().find("/zookeeper") != nullptr);
}

TEST_CASE("linearizable reads: a server alone answers at once") {
  ReplicaOptions options;
  options.linearizable_reads = true;
  StandaloneReplica alone(std::move(options));
  alone.client(kA);
  alone.put(kA, 1, OpCode::GetData, PathWatchRequest{"/", false});
  alone.pump();
  CHECK(alone.must_take(kA).header.xid == 1);
}

}  // namespace
}  // namespace quorate::server
