// The real replica on ports that are memory: what a fake ensemble knows and how it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "server/replica/replica.h"

namespace quorate::testing {

/// What its connections are told, in the order of calls.
class ReplicaListener {
 public:
  virtual ~ReplicaListener() = default;
  virtual void on_frames(ConnectionId connection, ByteView frames) = 0;
  /// Behind what was told before.
  virtual void on_closed(ConnectionId connection) = 0;
};

/// What a request was answered with: the header and what is behind it.
struct FakeReply {
  ReplyHeader header;
  Bytes body;
};

/// Everything is durable as soon as it is written, so every call is answered when it returns.
class FakeReplica final : private server::Disk,
                          private server::Links,
                          private server::Clients,
                          private server::Clock,
                          private server::Observer {
 public:
  FakeReplica(server::ReplicaOptions options, std::uint64_t seed, ReplicaListener& listener);
  ~FakeReplica() override;

  /// Standing alone, or as one of three of which the others are gone. Sessions live on, and have
  /// their whole timeout before them.
  void start(bool alone);
  /// Connections are forgotten without a word.
  void stop();
  bool running() const { return replica_ != nullptr; }
  bool read_only() const;

  void tick(std::int64_t now_ms);
  void open(ConnectionId connection);
  void frame(ConnectionId connection, ByteView frame);
  void closed(ConnectionId connection);
  bool expire(SessionId session);
  Zxid last_zxid() const;

  /// One request of a session that is made for it and ends with it. Nothing: nobody is served.
  /// `as_super`: of somebody who may do everything.
  std::optional<FakeReply> ask(OpCode op, const std::function<void(JuteWriter&)>& body,
                               bool as_super = false);

 private:
  void settle();

  // ---- Disk
  void write(std::uint64_t first, std::vector<consensus::LogWrite> writes) override;
  void checkpoint(znode::CheckpointBatch portion) override;
  void read_snapshot(LinkId) override {}
  void drop_snapshot(LinkId) override {}
  void install(LinkId, znode::CheckpointBatch) override {}
  // ---- Links: there is nobody else
  void set_members(const consensus::Membership&) override {}
  void vote(ServerId, const consensus::Notification&) override {}
  void open(ServerId) override {}
  void cancel(ServerId) override {}
  void close(LinkId) override {}
  void send(LinkId, const consensus::QuorumPacket&) override {}
  void send_raw(LinkId, SharedBytes) override {}
  std::size_t queued_bytes(LinkId) const override { return 0; }
  // ---- Clients
  void send(ConnectionId connection, ByteView frames) override;
  void close(ConnectionId connection) override;
  void pause(ConnectionId) override {}
  void resume(ConnectionId) override {}
  void flush() override {}
  // ---- Clock, Observer
  std::int64_t now_ms() const override { return now_ms_; }
  std::int64_t wall_ms() const override;
  void on_event(const consensus::Event&) override {}
  void note(char, const std::string&) override {}

  const server::ReplicaOptions options_;
  Random random_;
  ReplicaListener& listener_;
  std::unique_ptr<server::Replica> replica_;
  bool alone_ = true;
  std::int64_t now_ms_ = 0;
  std::uint64_t written_ = 0, synced_ = 0;
  std::optional<Zxid> checkpointed_;                            ///< To be reported.
  std::map<std::string, std::string, std::less<>> checkpoint_;  ///< Key to value.
  std::int64_t next_own_;                                       ///< Connection of ask().
  std::optional<ConnectionId> own_;
  Bytes own_frames_;
};

}  // namespace quorate::testing
