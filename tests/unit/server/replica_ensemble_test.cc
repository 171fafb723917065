// What only several replicas can show: forwarding, moved sessions, touches, whole trees.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/replica_ensemble.h"

namespace quorate::server {
namespace {

constexpr ConnectionId kA{1}, kB{2};

struct Three : ReplicaEnsemble {
  Three() : ReplicaEnsemble(3) {
    for (int i = 1; i <= 3; ++i) start(i);
    run_until([this] { return all_serve(); });
  }
  bool equal() const {
    for (const auto& node : nodes) {
      if (node->replica->tree().last_applied() != nodes[0]->replica->tree().last_applied())
        return false;
      if (node->replica->tree().digest() != nodes[0]->replica->tree().digest()) return false;
    }
    return true;
  }
};

TEST_CASE("a write of a follower's client goes through the leader and lands everywhere") {
  Three world;
  NodeClient client(world, world.follower(), kA);
  client.create(1, "/a");
  client.put(2, OpCode::GetData, PathWatchRequest{"/a", false});
  client.create(3, "/a");
  ReplyHeader created = client.take();
  CHECK(created.xid == 1);
  CHECK(created.err == Code::Ok);
  CHECK(client.take().err == Code::Ok);
  ReplyHeader refused = client.take();
  CHECK(refused.err == Code::NodeExists);
  CHECK(refused.zxid == created.zxid.next());
  world.run(50);
  CHECK(world.equal());
}

TEST_CASE("clients of leader and followers see one order; sync makes a follower current") {
  Three world;
  NodeClient writer(world, world.leader(), kA);
  NodeClient reader(world, world.follower(1), kB);
  writer.create(1, "/a");
  CHECK(writer.take().err == Code::Ok);
  reader.put(1, OpCode::Sync, PathRequest{"/a"});
  reader.put(2, OpCode::Exists, PathWatchRequest{"/a", false});
  CHECK(reader.take().xid == 1);
  CHECK(reader.take().err == Code::Ok);
}

TEST_CASE("a session moves: the old server's next write closes that connection (R59)") {
  Three world;
  NodeClient old(world, world.follower(0), kA);
  NodeClient moved(world, world.follower(1), kB, old.again());
  CHECK(moved.answer.session_id == old.answer.session_id);
  moved.create(1, "/new");
  CHECK(moved.take().err == Code::Ok);
  CHECK_FALSE(old.closed());
  old.create(7, "/late");
  world.run_until([&] { return old.closed(); }, 300);
  CHECK(world.leader().replica->tree().find("/late") == nullptr);
  CHECK_FALSE(moved.closed());
}

TEST_CASE("a session moves and comes back: what is late of its first connection stays out (R59)") {
  Three world;
  EnsembleNode& here = world.follower();
  NodeClient first(world, here, kA);
  world.mute = &here;
  first.create(1, "/late");
  NodeClient second(world, world.leader(), kA, first.again());
  second.create(2, "/new");
  CHECK(second.take().err == Code::Ok);
  here.replica->on_client_open(kB, {"127.0.0.1"});
  here.replica->on_client_frame(kB, encode_all(first.again()));
  world.run(2);
  // The late request and the question for the session arrive in one piece.
  world.mute = nullptr;
  world.run_until([&] { return !here.clients.received[kB].empty(); }, 300);
  world.run(20);
  CHECK(world.leader().replica->tree().find("/late") == nullptr);
  CHECK(world.leader().replica->tree().find("/new") != nullptr);
  CHECK(world.equal());
}

TEST_CASE("a session may move to the leader itself and back") {
  Three world;
  NodeClient first(world, world.follower(), kA);
  NodeClient second(world, world.leader(), kA, first.again());
  second.create(1, "/one");
  CHECK(second.take().err == Code::Ok);
  NodeClient third(world, world.follower(), kB, first.again());
  CHECK(first.closed());
  third.create(1, "/two");
  CHECK(third.take().err == Code::Ok);
  second.create(2, "/late");
  world.run_until([&] { return second.closed(); }, 300);
}

TEST_CASE("a follower refuses what the leader does not know, and wrong passwords by itself") {
  Three world;
  NodeClient client(world, world.follower(), kA);
  ConnectRequest unknown = client.again();
  unknown.session_id = SessionId{0x0200000000000042};
  CHECK(NodeClient(world, world.follower(), kB, unknown).answer.timeout_ms == 0);
  unknown.session_id = client.answer.session_id;
  unknown.password = "wrong";
  CHECK(NodeClient(world, world.follower(), ConnectionId{3}, unknown).answer.timeout_ms == 0);
}

TEST_CASE("pings to a follower keep the session alive at the leader; silence ends it") {
  Three world;
  ConnectRequest request;
  request.timeout_ms = 4000;
  NodeClient client(world, world.follower(), kA, request);
  client.create(1, "/e", CreateMode::Ephemeral);
  CHECK(client.take().err == Code::Ok);
  for (int i = 0; i < 10; ++i) {
    world.run(150);
    client.put(xid::kPing, OpCode::Ping, PathRequest{});
    CHECK(client.take().xid == xid::kPing);
  }
  CHECK_FALSE(client.closed());
  world.run_until([&] { return client.closed(); }, 1000);
  world.run(20);
  CHECK(world.leader().replica->tree().find("/e") == nullptr);
  CHECK(world.equal());
}

TEST_CASE("a forwarded write is a sign of life, also when its follower dies right after it (R58)") {
  Three world;
  EnsembleNode& follower = world.follower();
  ConnectRequest request;
  request.timeout_ms = 4000;
  NodeClient client(world, follower, kA, request);
  const SessionId session = client.answer.session_id;
  world.run(390);
  client.create(1, "/sign");
  world.run_until([&] { return world.leader().replica->tree().find("/sign") != nullptr; }, 300);
  world.stop(follower);
  world.run(390);
  CHECK(world.leader().replica->tree().sessions().find(session).has_value());
  world.run_until(
      [&] { return !world.leader().replica->tree().sessions().find(session).has_value(); }, 700);
}

TEST_CASE("the leader is lost: clients are closed, sessions live on under the next one") {
  Three world;
  NodeClient client(world, world.follower(), kA);
  client.create(1, "/a");
  CHECK(client.take().err == Code::Ok);
  world.stop(world.leader());
  world.run_until([&] { return client.closed(); });
  world.run_until([&] { return world.all_serve(); });
  NodeClient back(world, world.leader(), kB, client.again());
  CHECK(back.answer.session_id == client.answer.session_id);
  back.create(2, "/b");
  CHECK(back.take().err == Code::Ok);
}

TEST_CASE("a server without data gets a whole tree, and what was written meanwhile") {
  Three world;
  EnsembleNode& gone = world.follower();
  int number = static_cast<int>(gone.id.value);
  world.stop(gone);
  NodeClient client(world, world.leader(), kA);
  for (std::int32_t i = 1; i <= 60; ++i) {
    client.create(i, "/n" + std::to_string(i));
    CHECK(client.take().err == Code::Ok);
  }
  EnsembleNode& empty = world.start(number);
  client.create(100, "/meanwhile");
  world.run_until([&] { return world.all_serve(); });
  CHECK(client.take().err == Code::Ok);
  world.run(50);
  CHECK(empty.replica->tree().find("/n60") != nullptr);
  CHECK(empty.replica->tree().find("/meanwhile") != nullptr);
  CHECK(empty.checkpoint_zxid > Zxid{0});
  CHECK(world.equal());
}

/// One of three servers is away while much is written, and comes back with nothing.
struct FarBehind : Three {
  FarBehind() {
    EnsembleNode& gone = follower();
    number = static_cast<int>(gone.id.value);
    stop(gone);
    NodeClient client(*this, leader(), kA);
    for (std::int32_t i = 1; i <= 200; ++i) {
      client.create(i, "/n" + std::to_string(i));
      REQUIRE(client.take().err == Code::Ok);
    }
    link_bytes_max = 1500;
  }
  EnsembleNode& come_back(znode::PortionLimit slice) {
    ReplicaOptions options;
    options.ops.skip_acl = true;
    options.install_slice = slice;
    return start(number, options);
  }
  /// What its disk holds is the tree as its leader has it.
  void check(EnsembleNode& back) {
    run_until([&] { return all_serve(); });
    run(50);
    CHECK(equal());
    znode::DataTree stored;
    znode::CheckpointLoader loader(stored);
    for (const auto& [key, value] : back.checkpoint) {
      REQUIRE_FALSE(loader.add(as_bytes(key), as_bytes(value)));
    }
    REQUIRE_FALSE(loader.finish());
    CHECK(stored.find("/n200") != nullptr);
  }
  int number = 0;
};

TEST_CASE("a tree goes to the disk while it arrives") {
  FarBehind world;
  EnsembleNode& back = world.come_back({4u << 20, 20});
  world.run_until([&] { return back.portions > 3; });
  CHECK(back.checkpoint_zxid == Zxid{0});  // The old one counts until all of it is there.
  CHECK_FALSE(back.replica->status().serving);
  world.check(back);
  CHECK(back.portions > 5);
}

TEST_CASE("a tree that never ends is dropped by the disk, and the next one is taken") {
  FarBehind world;
  EnsembleNode& back = world.come_back({4u << 20, 20});
  world.run_until([&] { return back.portions > 3; });
  back.replica->on_link_down(back.wires.begin()->first);
  CHECK(back.disk.dropped_installs.size() == 1);
  back.replica->on_link_down(back.wires.begin()->first);
  CHECK(back.disk.dropped_installs.size() == 1);
  world.cut_all(back);
  world.check(back);
}

TEST_CASE("a disk that refuses a part of a tree ends its link; the next tree is taken") {
  FarBehind world;
  EnsembleNode& back = world.come_back({4u << 20, 20});
  world.run_until([&] { return back.portions > 3; });
  const LinkId link = back.wires.begin()->first;
  back.replica->on_installed(link, Zxid{0}, /*ok=*/false);
  back.replica->pump();
  REQUIRE_FALSE(back.links.closed.empty());
  CHECK(back.links.closed.front() == link);
  CHECK(back.disk.dropped_installs.empty());
  world.check(back);
}

TEST_CASE("a disk that falls behind gets the nodes of that time when the tree is whole") {
  FarBehind world;
  EnsembleNode& back = world.come_back({1000, 20});
  world.run_until([&] { return back.portions > 2; });
  back.disk.backlog = 4000;
  const std::size_t portions = back.portions;
  world.run(3);
  CHECK(back.portions == portions);
  back.disk.backlog = 0;
  world.check(back);
  CHECK(back.portions > portions);
}

TEST_CASE("garbage on a link closes that link; the follower comes back") {
  Three world;
  EnsembleNode& victim = world.follower();
  REQUIRE(victim.wires.size() == 1);
  victim.replica->on_link_bytes(victim.wires.begin()->first, Bytes(64, std::byte{0xfe}));
  victim.replica->pump();
  world.run(5);
  world.run_until([&] { return world.all_serve(); });
  CHECK_FALSE(victim.observer.notes.empty());
}

// ---- Members
// -------------------------------------------------------------------------------------

struct ReconfigRecord {
  std::optional<std::string> joining, leaving, new_members;
  std::int64_t based_on = -1;
};

void encode(JuteWriter& out, const ReconfigRecord& record) {
  out.nullable_string(record.joining);
  out.nullable_string(record.leaving);
  out.nullable_string(record.new_members);
  out.i64(record.based_on);
}

std::string config_at(const EnsembleNode& node) {
  return std::string(node.replica->tree().find("/zookeeper/config")->data().value_or(""));
}

/// Servers 1 to 3, which allow reconfigs; others are named by their own config only.
struct Growing : ReplicaEnsemble {
  explicit Growing(int size) : ReplicaEnsemble(size) {
    for (int i = 1; i <= 3; ++i) join(i, {1, 2, 3});
    run_until([this] { return all_serve(); });
  }
  EnsembleNode& join(int number, const std::vector<int>& named) {
    ReplicaOptions options;
    options.ops.skip_acl = true;
    options.peer.reconfig_enabled = true;
    std::vector<consensus::Member> members;
    for (const int id : named) members.push_back(*ensemble().find(ServerId{id}));
    options.peer.ensemble = consensus::Ensemble(std::move(members));
    return start(number, std::move(options));
  }
  EnsembleNode& node(int number) { return *nodes.at(static_cast<std::size_t>(number - 1)); }
  bool voters_everywhere(std::size_t count) {
    for (auto& one : nodes) {
      if (!one || !one->replica->status().serving) return false;
      const consensus::Membership& members = one->replica->peer().membership();
      if (members.changing() || members.current().voter_count() != count) return false;
      if (config_at(*one) != members.text()) return false;
    }
    return true;
  }
};

const char* const kFour = "server.4=127.0.0.1:2004:3004;127.0.0.1:2181";

TEST_CASE("members: /zookeeper/config shows them, with reconfig or without") {
  Three plain;
  for (const auto& node : plain.nodes) {
    CHECK(config_at(*node) == plain.ensemble().text());
    CHECK(node->links.configs.back() == plain.ensemble().text());
  }
  Growing world(3);
  for (const auto& node : world.nodes) {
    CHECK(config_at(*node).ends_with("\nversion=100000000"));
    CHECK(node->replica->tree().find("/zookeeper/config")->stat().mzxid == 0x100000000);
  }
}

TEST_CASE("members: a reconfig by a follower's client reaches all, and who watches the config") {
  Growing world(4);
  world.join(4, {1, 2, 3, 4});
  world.run_until([&] { return world.all_serve(); });
  CHECK(world.node(4).replica->status().mode == "follower");
  CHECK(world.leader().replica->status().synced_non_voting == 1);

  NodeClient watcher(world, world.leader(), kB);
  watcher.put(1, OpCode::GetData, PathWatchRequest{"/zookeeper/config", true});
  CHECK(watcher.take().err == Code::Ok);
  NodeClient client(world, world.follower(), kA);
  client.put(1, OpCode::Reconfig, ReconfigRecord{kFour, std::nullopt, std::nullopt, 0x100000000});
  const ReplyHeader done = client.take();
  CHECK(done.err == Code::Ok);
  CHECK(watcher.take().xid == xid::kEvent);
  world.run_until([&] { return world.voters_everywhere(4); });
  CHECK(config_at(world.node(4)).find("server.4=127.0.0.1:2004:3004:participant;127.0.0.1:2181") !=
        std::string::npos);
  CHECK(config_at(world.node(1)).ends_with("version=" + to_string(done.zxid).substr(2)));
  CHECK(world.node(1).links.configs.back() == config_at(world.node(1)));
}

TEST_CASE("members: what a reconfig is refused for") {
  Growing world(4);
  NodeClient client(world, world.follower(), kA);
  client.put(1, OpCode::Reconfig, ReconfigRecord{kFour, {}, {}, 7});
  CHECK(client.take().err == Code::BadVersion);
  client.put(2, OpCode::Reconfig, ReconfigRecord{"server.4=127.0.0.1:2004:3004", {}, {}, -1});
  CHECK(client.take().err == Code::BadArguments);
  client.put(3, OpCode::Reconfig, ReconfigRecord{{}, "2,3", {}, -1});
  CHECK(client.take().err == Code::BadArguments);
  const char* away =
      "server.3=127.0.0.1:2003:3003;1,server.4=127.0.0.1:2004:3004;2,server.5=127.0.0.1:2005:3005;"
      "3";
  client.put(4, OpCode::Reconfig, ReconfigRecord{{}, {}, away, -1});
  CHECK(client.take().err == Code::NewConfigNoQuorum);
  bool told = false;
  for (const std::string& note : world.leader().observer.notes) {
    told = told || note.find("reconfig refused") != std::string::npos;
  }
  CHECK(told);
  Three plain;
  NodeClient other(plain, plain.follower(), kA);
  other.put(1, OpCode::Reconfig, ReconfigRecord{kFour, {}, {}, -1});
  CHECK(other.take().err == Code::ReconfigDisabled);
}

TEST_CASE("members: a second reconfig waits for the first; writes go on between") {
  Growing world(4);
  world.join(4, {1, 2, 3, 4});
  world.run_until([&] { return world.all_serve(); });
  NodeClient client(world, world.leader(), kA);
  client.put(1, OpCode::Reconfig, ReconfigRecord{kFour, {}, {}, -1});
  client.create(2, "/between");
  client.put(3, OpCode::Reconfig, ReconfigRecord{{}, "4", {}, -1});
  CHECK(client.take().err == Code::Ok);
  CHECK(client.take().err == Code::Ok);
  CHECK(client.take().err == Code::ReconfigInProgress);
  client.put(4, OpCode::Reconfig, ReconfigRecord{{}, "4", {}, -1});
  CHECK(client.take().err == Code::Ok);
  world.run_until([&] { return world.voters_everywhere(3); });
  CHECK(world.node(4).replica->status().mode == "follower");
}

TEST_CASE("members: the leader leaves by a reconfig; sessions go on under its successor") {
  Growing world(3);
  EnsembleNode& old = world.leader();
  NodeClient client(world, world.follower(), kA);
  client.create(1, "/mine", CreateMode::Ephemeral);
  CHECK(client.take().err == Code::Ok);
  client.put(2, OpCode::Reconfig, ReconfigRecord{{}, to_string(old.id), {}, -1});
  world.run_until([&] { return old.replica->status().mode != "leader"; });
  world.run_until([&] { return world.voters_everywhere(2); });
  CHECK(old.replica->status().mode == "follower");
  NodeClient again(world, world.leader(), kB, client.again());
  CHECK(again.answer.session_id == client.answer.session_id);
  CHECK(world.leader().replica->tree().find("/mine") != nullptr);
}

TEST_CASE("members: without reconfig the own file's config stays, also behind a whole tree") {
  Growing world(3);
  EnsembleNode& late = world.follower();
  const int number = static_cast<int>(late.id.value);
  world.stop(late);
  NodeClient client(world, world.leader(), kA);
  for (int i = 0; i < 30; ++i) {
    client.create(i, "/n" + std::to_string(i));
    CHECK(client.take().err == Code::Ok);
  }
  EnsembleNode& fresh = world.start(number);  // Empty, and its file allows no reconfig.
  world.run_until([&] { return world.all_serve(); });
  CHECK(fresh.replica->tree().find("/n29") != nullptr);
  CHECK(config_at(fresh) == world.ensemble().text());
}

}  // namespace
}  // namespace quorate::server
