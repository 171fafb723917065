// Several Replicas joined by wires in memory that lose nothing and keep order; disks that answer in
// the next round. No faults: those are the simulator's.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "consensus/codec.h"
#include "server/replica/replica.h"
#include "tests/support/standalone_replica.h"
#include "znode/snapshot.h"

namespace quorate::server {

/// Links as byte streams.
class WireLinks : public FakeLinks {
 public:
  void send(LinkId link, const consensus::QuorumPacket& packet) override {
    FakeLinks::send(link, packet);
    if (hides_mark && packet.type == consensus::PacketType::LeaderInfo) {
      consensus::QuorumPacket plain = packet;
      plain.data = consensus::encode_int(0x10000);
      return consensus::encode(out[link], plain);
    }
    consensus::encode(out[link], packet);
  }
  void send_raw(LinkId link, SharedBytes bytes) override { append(out[link], bytes.view()); }
  void open(ServerId peer) override { wanted.insert(peer); }
  void cancel(ServerId peer) override { wanted.erase(peer); }

  std::map<LinkId, Bytes> out;
  std::set<ServerId> wanted;
  bool hides_mark = false;  ///< As a leader it is taken for one of ZooKeeper.
};

struct EnsembleNode {
  ServerId id;
  FakeDisk disk;
  WireLinks links;
  FakeClients clients;
  FakeClock clock;
  FakeObserver observer;
  std::map<std::string, std::string> checkpoint;
  Zxid checkpoint_zxid;
  std::map<std::string, std::string> installing;  ///< What is to take its place.
  std::size_t portions = 0;                       ///< Of trees, but for the last of each.
  std::map<LinkId, std::pair<EnsembleNode*, LinkId>> wires;
  std::unique_ptr<Replica> replica;

  void store(const znode::CheckpointBatch& batch) {
    for (const auto& entry : batch.entries) {
      std::string key(as_text(entry.key));
      if (entry.value)
        checkpoint[key] = as_text(*entry.value);
      else
        checkpoint.erase(key);
    }
    batch.pack.for_each([this](ByteView key, ByteView value) {
      checkpoint[std::string(as_text(key))] = as_text(value);
    });
    checkpoint_zxid = batch.zxid;
  }
  SharedBytes stream() const {
    znode::SnapStreamWriter writer;
    for (char kind : {'s', 'a', 'n'}) {
      for (const auto& [key, value] : checkpoint) {
        if (key[0] == kind) REQUIRE_FALSE(writer.add(as_bytes(key), as_bytes(value)));
      }
    }
    writer.finish();
    return SharedBytes(writer.take());
  }
  bool leads() const { return replica->status().mode == "leader"; }
};

class ReplicaEnsemble {
 public:
  explicit ReplicaEnsemble(int size) {
    std::vector<consensus::Member> members;
    for (int i = 1; i <= size; ++i) {
      consensus::Member member;
      member.id = ServerId{i};
      member.host = "127.0.0.1";
      member.quorum_port = static_cast<std::uint16_t>(2000 + i);
      member.election_port = static_cast<std::uint16_t>(3000 + i);
      members.push_back(std::move(member));
    }
    ensemble_ = consensus::Ensemble(std::move(members));
    nodes.resize(static_cast<std::size_t>(size));
  }

  EnsembleNode& start(int number, ReplicaOptions options = {}, Recovered recovered = {}) {
    auto& node = nodes.at(static_cast<std::size_t>(number - 1));
    node = std::make_unique<EnsembleNode>();
    node->id = ServerId{number};
    node->clock.now = now_;
    options.peer.self = node->id;
    if (options.peer.ensemble.members().empty()) options.peer.ensemble = ensemble_;
    options.peer.window_records = 10;
    options.peer.window_bytes = 1;
    node->replica = std::make_unique<Replica>(
        std::move(options), std::move(recovered),
        Ports{node->disk, node->links, node->clients, node->clock, node->observer},
        Random(static_cast<std::uint64_t>(number)));
    return *node;
  }
  void stop(EnsembleNode& gone) {
    while (!gone.wires.empty()) cut(gone, gone.wires.begin()->first);
    for (auto& node : nodes) {
      if (node.get() == &gone) node.reset();
    }
  }

  void cut_all(EnsembleNode& node) {
    while (!node.wires.empty()) cut(node, node.wires.begin()->first);
  }

  /// 10 ms of everybody's life.
  void round() {
    now_ += 10;
    for (auto& node : nodes) {
      if (node) node->clock.now = now_;
    }
    for (auto& node : nodes) {
      if (node) exchange(*node);
    }
  }
  template <class Condition>
  void run_until(Condition&& condition, int rounds_max = 3000) {
    for (int i = 0; i < rounds_max && !condition(); ++i) round();
    REQUIRE(condition());
  }
  void run(int rounds) {
    for (int i = 0; i < rounds; ++i) round();
  }
  bool all_serve() const {
    for (const auto& node : nodes) {
      if (node && !node->replica->status().serving) return false;
    }
    return true;
  }
  EnsembleNode& leader() {
    for (auto& node : nodes) {
      if (node && node->leads()) return *node;
    }
    FAIL("no leader");
    return *nodes.front();
  }
  EnsembleNode& follower(int which = 0) {
    for (auto& node : nodes) {
      if (node && node->replica->status().mode == "follower" && which-- == 0) return *node;
    }
    FAIL("no follower");
    return *nodes.front();
  }

  const consensus::Ensemble& ensemble() const { return ensemble_; }

  std::vector<std::unique_ptr<EnsembleNode>> nodes;
  std::size_t link_bytes_max = SIZE_MAX;  ///< That arrive on a link in a round.
  EnsembleNode* mute = nullptr;           ///< What it sends waits on its links.

 private:
  EnsembleNode* find(ServerId id) { return nodes.at(static_cast<std::size_t>(id.value - 1)).get(); }
  void exchange(EnsembleNode& node) {
    node.replica->on_tick();
    node.replica->pump();
    for (auto& [to, vote] : std::exchange(node.links.votes, {})) {
      if (EnsembleNode* peer = find(to)) peer->replica->on_notification(node.id, vote);
    }
    for (ServerId peer : std::set<ServerId>(node.links.wanted)) connect(node, peer);
    std::map<LinkId, Bytes> leaving;
    if (mute != &node) leaving.swap(node.links.out);
    for (auto& [link, bytes] : leaving) {
      auto wire = node.wires.find(link);
      if (wire == node.wires.end()) continue;
      const ByteView all(bytes);
      const ByteView piece = all.first(std::min(all.size(), link_bytes_max));
      const ByteView rest = all.subspan(piece.size());
      Bytes& out = node.links.out[link];
      out.insert(out.begin(), rest.begin(), rest.end());
      if (out.empty()) node.links.out.erase(link);
      auto [peer, far] = wire->second;
      peer->replica->on_link_bytes(far, piece);
      peer->replica->pump();
    }
    for (LinkId link : std::exchange(node.links.closed, {})) cut(node, link);
    serve_disk(node);
    node.replica->pump();
  }
  void connect(EnsembleNode& from, ServerId to) {
    EnsembleNode* peer = find(to);
    if (peer == nullptr) return;
    from.links.wanted.erase(to);
    LinkId near{next_link_++}, far{next_link_++};
    from.wires[near] = {peer, far};
    peer->wires[far] = {&from, near};
    from.replica->on_link_up(near, to);
    peer->replica->on_link_up(far, std::nullopt);
  }
  void cut(EnsembleNode& node, LinkId link) {
    auto wire = node.wires.find(link);
    if (wire == node.wires.end()) return;
    auto [peer, far] = wire->second;
    node.wires.erase(wire);
    peer->wires.erase(far);
    node.replica->on_link_down(link);
    peer->replica->on_link_down(far);
  }
  void serve_disk(EnsembleNode& node) {
    FakeDisk& disk = node.disk;
    for (auto& batch : std::exchange(disk.checkpoints, {})) {
      node.store(batch);
      node.replica->on_checkpointed(batch.zxid);
    }
    for (auto& [link, batch] : std::exchange(disk.installs, {})) {
      if (batch.begins) node.installing.clear();
      node.checkpoint.swap(node.installing);
      const Zxid before = node.checkpoint_zxid;
      node.store(batch);
      if (batch.ends) {
        node.replica->on_installed(link, batch.zxid, /*ok=*/true);
      } else {
        node.checkpoint.swap(node.installing);
        node.checkpoint_zxid = before;
        ++node.portions;
      }
    }
    for (LinkId link : std::exchange(disk.reads, {})) {
      node.replica->on_snapshot_piece(link, node.checkpoint_zxid, node.stream(), true, true);
    }
    if (disk.last_write > 0) node.replica->on_synced(disk.last_write);
  }

  consensus::Ensemble ensemble_;
  std::int64_t now_ = 1000;
  std::int64_t next_link_ = 1;
};

/// A client on one server of an ensemble.
class NodeClient {
 public:
  NodeClient(ReplicaEnsemble& world, EnsembleNode& node, ConnectionId id,
             ConnectRequest request = {})
      : world_(&world), node_(&node), id_(id) {
    if (request.timeout_ms == 0) request.timeout_ms = 30000;
    node.replica->on_client_open(id, {"127.0.0.1"});
    node.replica->on_client_frame(id, encode_all(request));
    answer = decode_all<ConnectResponse>(wait()).value();
  }
  template <class R>
  void put(std::int32_t xid, OpCode op, const R& record) {
    Bytes frame;
    JuteWriter out(frame);
    encode(out, RequestHeader{xid, op});
    encode(out, record);
    node_->replica->on_client_frame(id_, frame);
  }
  void create(std::int32_t xid, const std::string& path, CreateMode mode = {}) {
    put(xid, OpCode::Create,
        CreateRequest{path, "data", open_acl(), static_cast<std::int32_t>(mode)});
  }
  ReplyHeader take() {
    Bytes frame = wait();
    JuteReader in(frame);
    ReplyHeader header;
    decode(in, header);
    return header;
  }
  bool closed() const { return node_->clients.closed.contains(id_); }
  ConnectRequest again() const {
    ConnectRequest request;
    request.session_id = answer.session_id;
    request.password = answer.password;
    return request;
  }

  ConnectResponse answer;

 private:
  Bytes wait() {
    world_->run_until([&] { return !node_->clients.received[id_].empty(); }, 300);
    return node_->clients.take(id_);
  }
  ReplicaEnsemble* world_;
  EnsembleNode* node_;
  ConnectionId id_;
};

}  // namespace quorate::server
