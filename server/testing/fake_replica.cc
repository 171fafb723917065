#include "server/testing/fake_replica.h"

#include <utility>

#include "base/ensure.h"
#include "znode/auth.h"
#include "znode/proto/frame.h"
#include "znode/snapshot.h"

namespace quorate::testing {

namespace {

/// 2026-01-01: a date that a test may print.
constexpr std::int64_t kWallBegin = 1'767'225'600'000;
/// Connections of ask() have numbers that no client's has.
constexpr std::int64_t kOwnConnections = std::int64_t{1} << 40;
constexpr std::int32_t kOwnTimeoutMs = 60'000;
/// Who writes what only servers write.
constexpr const char* kSuper = "super:fake";

server::ReplicaOptions with_super(server::ReplicaOptions options) {
  options.auth.super_digest = znode::digest_id(options.auth.digest_algorithm, kSuper);
  return options;
}

consensus::Ensemble three_voters() {
  std::vector<consensus::Member> members;
  for (int id = 1; id <= 3; ++id) {
    consensus::Member member;
    member.id = ServerId{id};
    member.host = "fake" + std::to_string(id);
    member.quorum_port = 2888;
    member.election_port = 3888;
    members.push_back(std::move(member));
  }
  return consensus::Ensemble(std::move(members));
}

}  // namespace

FakeReplica::FakeReplica(server::ReplicaOptions options, std::uint64_t seed,
                         ReplicaListener& listener)
    : options_(with_super(std::move(options))),
      random_(seed),
      listener_(listener),
      next_own_(kOwnConnections) {}

FakeReplica::~FakeReplica() = default;

void FakeReplica::start(bool alone) {
  ENSURE(!replica_);
  alone_ = alone;
  server::ReplicaOptions options = options_;
  options.peer.self = ServerId{1};
  options.peer.standalone = alone;
  if (!alone) {
    options.peer.ensemble = three_voters();
    options.read_only_mode = true;
    options.read_only_after_ms = 0;
  }
  server::Recovered recovered;
  recovered.durable.blank = checkpoint_.empty();
  if (!checkpoint_.empty()) {
    znode::CheckpointLoader loader(recovered.tree);
    for (const auto& [key, value] : checkpoint_) {
      ENSURE(!loader.add(as_bytes(key), as_bytes(value)));
    }
    ENSURE(!loader.finish());
    recovered.durable.checkpoint = recovered.durable.log_base = loader.zxid();
  }
  written_ = synced_ = 0;
  checkpointed_.reset();
  const server::Ports ports{*this, *this, *this, *this, *this};
  replica_ = std::make_unique<server::Replica>(std::move(options), std::move(recovered), ports,
                                               random_.fork());
  tick(now_ms_);
}

void FakeReplica::stop() {
  if (!replica_) return;
  // What stands alone leaves a checkpoint of all there is; the other has changed nothing.
  if (alone_) replica_->stop();
  settle();
  replica_.reset();
}

bool FakeReplica::read_only() const {
  return replica_ && replica_->status().read_only;
}

void FakeReplica::tick(std::int64_t now_ms) {
  now_ms_ = now_ms;
  if (!replica_) return;
  replica_->on_tick();
  settle();
}

void FakeReplica::open(ConnectionId connection) {
  if (!replica_) return;
  replica_->on_client_open(connection, {"127.0.0.1"});
  settle();
}

void FakeReplica::frame(ConnectionId connection, ByteView frame) {
  if (!replica_) return;
  replica_->on_client_frame(connection, frame);
  settle();
}

void FakeReplica::closed(ConnectionId connection) {
  if (!replica_) return;
  replica_->on_client_closed(connection);
  settle();
}

bool FakeReplica::expire(SessionId session) {
  if (!replica_) return false;
  const bool found = replica_->expire_session(session);
  settle();
  return found;
}

Zxid FakeReplica::last_zxid() const {
  return replica_ ? replica_->tree().last_applied() : Zxid{};
}

/// Until nothing is left to do: every write and checkpoint is durable at once.
void FakeReplica::settle() {
  replica_->pump();
  while (synced_ != written_ || checkpointed_ || replica_->has_more()) {
    if (synced_ != written_) replica_->on_synced(synced_ = written_);
    if (checkpointed_) replica_->on_checkpointed(*std::exchange(checkpointed_, std::nullopt));
    if (replica_->has_more()) replica_->pump_more();
    replica_->pump();
  }
}

std::optional<FakeReply> FakeReplica::ask(OpCode op, const std::function<void(JuteWriter&)>& body,
                                          bool as_super) {
  own_ = ConnectionId{next_own_++};
  own_frames_.clear();
  open(*own_);
  ConnectRequest hello;
  hello.timeout_ms = kOwnTimeoutMs;
  hello.read_only = true;
  frame(*own_, encode_all(hello));
  if (as_super) {
    Bytes identity;
    JuteWriter out(identity);
    encode(out, RequestHeader{xid::kAuth, OpCode::Auth});
    encode(out, AuthPacket{0, "digest", Buffer(kSuper)});
    frame(*own_, identity);
  }
  for (const OpCode each : {op, OpCode::CloseSession}) {
    Bytes request;
    JuteWriter out(request);
    encode(out, RequestHeader{each == op ? 1 : 2, each});
    if (each == op) body(out);
    frame(*own_, request);
  }
  closed(*std::exchange(own_, std::nullopt));
  std::optional<FakeReply> reply;
  bool shaken = false;
  FrameReader reader(64 << 20);
  const ErrorCode fault = reader.feed(own_frames_, [&](ByteView each) {
    if (!std::exchange(shaken, true)) return true;
    JuteReader in(each);
    FakeReply found;
    decode(in, found.header);
    if (found.header.xid != 1) return true;
    found.body.assign(in.rest().begin(), in.rest().end());
    reply = std::move(found);
    return false;
  });
  ENSURE(!fault);
  return reply;
}

// ---- Ports
// ---------------------------------------------------------------------------------------

void FakeReplica::write(std::uint64_t first, std::vector<consensus::LogWrite> writes) {
  written_ = first + writes.size() - 1;
}

void FakeReplica::checkpoint(znode::CheckpointBatch portion) {
  if (portion.from_scratch && portion.begins) checkpoint_.clear();
  for (const znode::CheckpointEntry& entry : portion.entries) {
    std::string key(as_text(entry.key));
    if (entry.value) {
      checkpoint_[std::move(key)] = as_text(*entry.value);
    } else {
      checkpoint_.erase(key);
    }
  }
  if (portion.ends) checkpointed_ = portion.zxid;
}

void FakeReplica::send(ConnectionId connection, ByteView frames) {
  if (connection == own_) return append(own_frames_, frames);
  listener_.on_frames(connection, frames);
}

void FakeReplica::close(ConnectionId connection) {
  if (connection != own_) listener_.on_closed(connection);
}

std::int64_t FakeReplica::wall_ms() const {
  return kWallBegin + now_ms_;
}

}  // namespace quorate::testing
