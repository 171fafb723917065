// Sessions that their server alone knows (localSessionsEnabled, localSessionsUpgradingEnabled), on
// three servers joined by wires.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/replica_ensemble.h"
#include "znode/session_password.h"

namespace quorate::server {
namespace {

constexpr ConnectionId kA{1}, kB{2}, kC{3};

ReplicaOptions local(bool upgrading) {
  ReplicaOptions options;
  options.local_sessions = true;
  options.upgrade_local_sessions = upgrading;
  return options;
}

struct LocalTrio : ReplicaEnsemble {
  explicit LocalTrio(const ReplicaOptions& given) : ReplicaEnsemble(3), options(given) {
    for (int i = 1; i <= 3; ++i) start(i, options);
    run_until([this] { return all_serve(); });
  }
  /// The leader, and a follower.
  std::vector<EnsembleNode*> both() { return {&leader(), &follower()}; }
  Zxid logged() { return leader().replica->peer().last_logged(); }

  ReplicaOptions options;
};

bool is_global(EnsembleNode& node, const NodeClient& client) {
  return node.replica->tree().sessions().find(client.answer.session_id).has_value();
}

/// Whether the server says that the session is over.
bool refused(LocalTrio& world, EnsembleNode& node, ConnectionId id, const ConnectRequest& request) {
  return NodeClient(world, node, id, request).answer.timeout_ms == 0;
}

Bytes multi_of_two(const std::string& path, CreateMode second) {
  Bytes body;
  JuteWriter out(body);
  for (CreateMode mode : {CreateMode{}, second}) {
    encode(out, MultiHeader{OpCode::Create, false, -1});
    encode(out, CreateRequest{path + (mode == CreateMode{} ? "/p" : "/e"), "", open_acl(),
                              static_cast<std::int32_t>(mode)});
  }
  encode(out, MultiHeader{OpCode::Error, true, -1});
  return body;
}

/// A body that is made already.
struct Raw {
  const Bytes& body;
};
void encode(JuteWriter& out, const Raw& raw) {
  out.raw(raw.body);
}

TEST_CASE("local sessions: opened, used and closed without a word in the log") {
  LocalTrio world(local(false));
  ConnectionId id{10};
  for (EnsembleNode* node : world.both()) {
    const Zxid before = world.logged();
    NodeClient client(world, *node, id = ConnectionId{id.value + 1});
    CHECK(client.answer.session_id != SessionId{});
    CHECK((client.answer.session_id.value >> 56) == node->id.value);
    CHECK(world.logged() == before);
    CHECK(node->replica->status().local_sessions == 1);
    CHECK(node->replica->status().sessions == 0);
    const std::string path = "/n" + std::to_string(node->id.value);
    client.create(1, path);
    CHECK(client.take().err == Code::Ok);
    client.put(2, OpCode::Sync, PathRequest{path});
    CHECK(client.take().err == Code::Ok);
    client.put(3, OpCode::GetData, PathWatchRequest{path, false});
    CHECK(client.take().err == Code::Ok);
    const Zxid written = world.logged();
    client.put(4, OpCode::CloseSession, PathRequest{});
    CHECK(client.take().err == Code::Ok);
    CHECK(client.closed());
    CHECK(world.logged() == written);
    CHECK(node->replica->status().local_sessions == 0);
    CHECK(refused(world, *node, id = ConnectionId{id.value + 1}, client.again()));
  }
}

TEST_CASE("local sessions: the answer to a close waits for the writes before it") {
  LocalTrio world(local(false));
  EnsembleNode& node = world.follower();
  NodeClient client(world, node, kA);
  client.create(1, "/a");
  client.put(2, OpCode::CloseSession, PathRequest{});
  CHECK(client.take().xid == 1);
  CHECK(client.take().xid == 2);
  CHECK(client.closed());
  NodeClient reader(world, node, kB);
  reader.put(1, OpCode::Exists, PathWatchRequest{"/a", false});
  CHECK(reader.take().err == Code::Ok);
}

TEST_CASE(
    "local sessions: without upgrading an ephemeral node is refused by its name, everywhere") {
  LocalTrio world(local(false));
  ConnectionId id{10};
  for (EnsembleNode* node : world.both()) {
    NodeClient client(world, *node, id = ConnectionId{id.value + 1});
    const std::string path = "/n" + std::to_string(node->id.value);
    client.create(1, path);
    CHECK(client.take().err == Code::Ok);
    const Zxid before = world.logged();
    client.create(2, path + "/e", CreateMode::Ephemeral);
    CHECK(client.take().err == Code::EphemeralOnLocalSession);
    client.put(3, OpCode::Create2, CreateRequest{path + "/q", "", open_acl(), 3});
    CHECK(client.take().err == Code::EphemeralOnLocalSession);
    // The rule stands before those of the path, as the one of the session does.
    client.create(4, "/none/e", CreateMode::Ephemeral);
    const ReplyHeader last = client.take();
    CHECK(last.err == Code::EphemeralOnLocalSession);
    CHECK(last.zxid == Zxid{before.value + 3});
    client.put(5, OpCode::Multi, Raw{multi_of_two(path, CreateMode::Ephemeral)});
    CHECK(client.take().err == Code::Ok);
    client.put(6, OpCode::GetChildren2, PathWatchRequest{path, false});
    CHECK(client.take().err == Code::Ok);
    CHECK(node->replica->tree().find(path)->num_children() == 0);
    CHECK_FALSE(client.closed());
    CHECK(node->replica->status().local_sessions == 1);
  }
}

TEST_CASE(
    "local sessions: the first ephemeral node brings the session to the ensemble, before it") {
  LocalTrio world(local(true));
  ConnectionId id{10};
  for (EnsembleNode* node : world.both()) {
    NodeClient client(world, *node, id = ConnectionId{id.value + 1});
    const std::string path = "/n" + std::to_string(node->id.value);
    client.create(1, path);
    CHECK(client.take().err == Code::Ok);
    CHECK_FALSE(is_global(*node, client));
    const Zxid before = world.logged();
    client.create(2, path + "/e", CreateMode::Ephemeral);
    CHECK(client.take().zxid == Zxid{before.value + 2});
    client.create(3, path + "/f", CreateMode::Ephemeral);
    CHECK(client.take().zxid == Zxid{before.value + 3});
    world.run(20);
    for (auto& each : world.nodes) CHECK(is_global(*each, client));
    CHECK(node->replica->status().local_sessions == 0);
    CHECK(node->replica->tree().find(path + "/e")->stat().ephemeral_owner ==
          client.answer.session_id.value);
    // Now it moves like any other, and ends by a record of the log.
    EnsembleNode& other = world.follower(node == &world.follower() ? 1 : 0);
    NodeClient moved(world, other, id = ConnectionId{id.value + 1}, client.again());
    CHECK(moved.answer.session_id == client.answer.session_id);
    moved.put(1, OpCode::CloseSession, PathRequest{});
    CHECK(moved.take().err == Code::Ok);
    CHECK(world.logged() == Zxid{before.value + 4});
    CHECK(other.replica->tree().find(path + "/e") == nullptr);
  }
}

TEST_CASE("local sessions: a multi with an ephemeral create upgrades too, one without does not") {
  LocalTrio world(local(true));
  EnsembleNode& node = world.follower();
  NodeClient client(world, node, kA);
  client.create(1, "/a");
  client.create(2, "/b");
  CHECK(client.take().err == Code::Ok);
  CHECK(client.take().err == Code::Ok);
  client.put(3, OpCode::Multi, Raw{multi_of_two("/a", CreateMode::PersistentSequential)});
  CHECK(client.take().err == Code::Ok);
  CHECK_FALSE(is_global(node, client));
  client.put(4, OpCode::Multi, Raw{multi_of_two("/b", CreateMode::Ephemeral)});
  CHECK(client.take().err == Code::Ok);
  CHECK(is_global(node, client));
  CHECK(node.replica->tree().find("/b/e") != nullptr);
}

TEST_CASE("local sessions: an upgrade is not taken back when the node is refused") {
  LocalTrio world(local(true));
  EnsembleNode& node = world.leader();
  NodeClient client(world, node, kA);
  client.create(1, "/none/e", CreateMode::Ephemeral);
  CHECK(client.take().err == Code::NoNode);
  CHECK(is_global(node, client));
}

TEST_CASE("local sessions: a close behind the upgrade goes through the log, and takes the node") {
  LocalTrio world(local(true));
  for (EnsembleNode* node : world.both()) {
    NodeClient client(world, *node, ConnectionId{20 + node->id.value});
    client.create(1, "/e", CreateMode::Ephemeral);
    client.put(2, OpCode::CloseSession, PathRequest{});
    CHECK(client.take().err == Code::Ok);
    CHECK(client.take().xid == 2);
    CHECK_FALSE(is_global(*node, client));
    CHECK(node->replica->tree().find("/e") == nullptr);
  }
}

TEST_CASE("local sessions: known at home as long as it is heard of, elsewhere over at once") {
  LocalTrio world(local(true));
  EnsembleNode& home = world.follower(0);
  ConnectRequest wish;
  wish.timeout_ms = 4000;
  NodeClient client(world, home, kA, wish);
  ConnectRequest again = client.again();
  again.timeout_ms = 5000;
  CHECK(refused(world, world.leader(), kB, again));
  CHECK(refused(world, world.follower(1), kB, again));
  CHECK_FALSE(client.closed());
  NodeClient back(world, home, kC, again);
  CHECK(back.answer.session_id == client.answer.session_id);
  CHECK(back.answer.timeout_ms == 5000);
  CHECK(client.closed());
  const Zxid before = world.logged();
  for (int i = 0; i < 10; ++i) {
    world.run(300);
    back.put(xid::kPing, OpCode::Ping, PathRequest{});
    CHECK(back.take().xid == xid::kPing);
  }
  world.run_until([&] { return back.closed(); }, 1200);
  CHECK(world.logged() == before);
  CHECK(home.replica->status().local_sessions == 0);
  CHECK(refused(world, home, ConnectionId{4}, again));
}

TEST_CASE("local sessions: a wrong password is refused") {
  LocalTrio world(local(true));
  NodeClient client(world, world.leader(), kA);
  ConnectRequest wrong = client.again();
  wrong.password = std::string(kPasswordSize, 'x');
  CHECK(refused(world, world.leader(), kB, wrong));
  CHECK_FALSE(refused(world, world.leader(), kC, client.again()));
}

TEST_CASE("local sessions: outlive an election, if their client comes back to their server") {
  LocalTrio world(local(true));
  EnsembleNode& home = world.follower();
  NodeClient client(world, home, kA);
  world.stop(world.leader());
  world.run_until([&] { return client.closed(); });
  world.run_until([&] { return home.replica->status().serving; });
  NodeClient back(world, home, kB, client.again());
  CHECK(back.answer.session_id == client.answer.session_id);
  back.create(1, "/e", CreateMode::Ephemeral);
  CHECK(back.take().err == Code::Ok);
  CHECK(is_global(home, back));
}

TEST_CASE(
    "local sessions: a client of a server that loses its quorum comes back to read, as itself") {
  ReplicaOptions options = local(true);
  options.read_only_mode = true;
  LocalTrio world(options);
  EnsembleNode& left = world.follower();
  ConnectRequest reader;
  reader.read_only = true;
  NodeClient client(world, left, kA, reader);
  NodeClient elsewhere(world, world.leader(), kA, reader);
  NodeClient owner(world, left, kB, reader);
  owner.create(1, "/e", CreateMode::Ephemeral);
  CHECK(owner.take().err == Code::Ok);
  world.run(50);
  for (int i = 0; i < 3; ++i) {
    EnsembleNode* node = world.nodes[static_cast<std::size_t>(i)].get();
    if (node != nullptr && node != &left) world.stop(*node);
  }
  world.run_until([&] { return left.replica->status().read_only; }, 600);
  ConnectRequest again = client.again();
  again.read_only = true;
  NodeClient back(world, left, kC, again);
  CHECK(back.answer.session_id == client.answer.session_id);
  CHECK(back.answer.read_only == std::optional(true));
  back.put(1, OpCode::GetData, PathWatchRequest{"/e", false});
  CHECK(back.take().err == Code::Ok);
  back.create(2, "/b");
  CHECK(back.take().err == Code::NotReadOnly);
  // Another server's: over, as everywhere but there. The ensemble's: who knows.
  again = elsewhere.again();
  again.read_only = true;
  CHECK(refused(world, left, ConnectionId{4}, again));
  again = owner.again();
  again.read_only = true;
  left.replica->on_client_open(ConnectionId{5}, {"127.0.0.1"});
  left.replica->on_client_frame(ConnectionId{5}, encode_all(again));
  world.run(1);
  CHECK(left.clients.closed.contains(ConnectionId{5}));
  CHECK(left.clients.received[ConnectionId{5}].empty());
  // And when there is a leader again it is a session like others.
  const int other = left.id.value == 1 ? 2 : 1;
  world.start(other, world.options);
  world.run_until([&] { return world.all_serve(); });
  CHECK(back.closed());
  NodeClient writer(world, left, ConnectionId{6}, client.again());
  CHECK(writer.answer.session_id == client.answer.session_id);
  writer.create(1, "/b");
  CHECK(writer.take().err == Code::Ok);
}

TEST_CASE("local sessions: what comes of a session whose end is in the log is refused") {
  LocalTrio world(local(true));
  EnsembleNode& node = world.follower();
  NodeClient client(world, node, kA);
  client.create(1, "/e", CreateMode::Ephemeral);
  CHECK(client.take().err == Code::Ok);
  REQUIRE(world.leader().replica->expire_session(client.answer.session_id));
  // On its way to the leader before the follower knows.
  client.create(2, "/late");
  client.create(3, "/late2", CreateMode::Ephemeral);
  world.run_until([&] { return client.closed(); });
  world.run(20);
  for (auto& each : world.nodes) {
    CHECK(each->replica->tree().find("/late") == nullptr);
    CHECK(each->replica->tree().find("/late2") == nullptr);
  }
}

TEST_CASE("local sessions: the admin ends one on its own server, and only lists its own") {
  LocalTrio world(local(true));
  EnsembleNode& node = world.follower();
  NodeClient client(world, node, kA);
  const std::vector<SessionStatus> list = node.replica->session_list();
  REQUIRE(list.size() == 1);
  CHECK(list.front().local);
  CHECK(list.front().session == client.answer.session_id);
  CHECK(list.front().expires_ms.has_value());
  CHECK(world.leader().replica->session_list().empty());
  CHECK_FALSE(world.leader().replica->expire_session(client.answer.session_id));
  CHECK(node.replica->expire_session(client.answer.session_id));
  world.run(1);
  CHECK(client.closed());
  CHECK(node.replica->status().local_sessions == 0);
}

TEST_CASE(
    "local sessions: a reconnect while the session is on its way to the ensemble waits for it") {
  LocalTrio world(local(true));
  for (EnsembleNode* node : world.both()) {
    NodeClient client(world, *node, ConnectionId{30 + node->id.value});
    client.create(1, "/e" + std::to_string(node->id.value), CreateMode::Ephemeral);
    // The old connection ends, its write goes on; nothing of it has left the server yet.
    NodeClient back(world, *node, ConnectionId{40 + node->id.value}, client.again());
    CHECK(back.answer.session_id == client.answer.session_id);
    CHECK(is_global(*node, back));
    world.run(20);
    back.put(1, OpCode::Exists, PathWatchRequest{"/e" + std::to_string(node->id.value), false});
    CHECK(back.take().err == Code::Ok);
  }
}

TEST_CASE("local sessions: a server alone has none") {
  StandaloneReplica alone(local(false));
  CHECK(alone.client(kA).session_id != SessionId{});
  CHECK(alone.replica->status().local_sessions == 0);
  CHECK(alone.replica->status().sessions == 1);
}

TEST_CASE("local sessions: ids of a server never meet, local or not") {
  LocalTrio world(local(true));
  std::vector<SessionId> ids;
  for (int i = 0; i < 40; ++i) {
    NodeClient client(world, world.follower(), ConnectionId{100 + i});
    if (i % 2 == 1) {
      client.create(1, "/e" + std::to_string(i), CreateMode::Ephemeral);
      CHECK(client.take().err == Code::Ok);
    }
    ids.push_back(client.answer.session_id);
  }
  std::sort(ids.begin(), ids.end());
  CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
}

}  // namespace
}  // namespace quorate::server
