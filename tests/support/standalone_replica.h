// A standalone Replica on fake ports, and clients that speak to it in frames.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/replica/replica.h"
#include "tests/support/fake_ports.h"
#include "znode/proto/records.h"

namespace quorate::server {

struct Reply {
  ReplyHeader header;
  Bytes body;
};

class StandaloneReplica {
 public:
  explicit StandaloneReplica(ReplicaOptions options = {})
      : StandaloneReplica(std::move(options), {}) {}
  /// Clients may log in by SASL.
  StandaloneReplica(ReplicaOptions options, SaslLogin& sasl)
      : StandaloneReplica(std::move(options), {}, &sasl) {}
  /// A restart: `records` are in the log, none of them in the checkpoint.
  StandaloneReplica(ReplicaOptions options, std::vector<consensus::LogRecord> records,
                    SaslLogin* sasl = nullptr) {
    options.peer.self = ServerId{1};
    options.peer.standalone = true;
    Recovered recovered;
    recovered.durable.blank = records.empty();
    recovered.durable.records = std::move(records);
    Ports ports = fake.ports();
    ports.sasl = sasl;
    replica = std::make_unique<Replica>(std::move(options), std::move(recovered), ports, Random(1));
    tick();
    sync();
  }

  /// Everything written so far is durable.
  void sync() {
    replica->on_synced(fake.disk.last_write);
    replica->pump();
  }
  void tick(std::int64_t ms = 0) {
    fake.clock.now += ms;
    replica->on_tick();
    replica->pump();
  }
  /// Time passes as a server that runs sees it.
  void pass(std::int64_t ms) {
    for (std::int64_t gone = 0; gone < ms; gone += 500) tick(500);
  }

  void open(ConnectionId id) { replica->on_client_open(id, {"127.0.0.1"}); }
  /// One frame, without a pump: as part of a batch.
  void put(ConnectionId id, const Bytes& frame) { replica->on_client_frame(id, frame); }
  void connect(ConnectionId id, const ConnectRequest& request) {
    open(id);
    put(id, encode_all(request));
    replica->pump();
    sync();
  }
  ConnectResponse take_connect(ConnectionId id) {
    auto response = decode_all<ConnectResponse>(fake.clients.take(id));
    REQUIRE(response.has_value());
    return *response;
  }
  /// A connection with a session.
  ConnectResponse client(ConnectionId id, std::int32_t timeout_ms = 10000) {
    ConnectRequest request;
    request.timeout_ms = timeout_ms;
    request.read_only = false;
    connect(id, request);
    return take_connect(id);
  }

  template <class R>
  void put(ConnectionId id, std::int32_t xid, OpCode op, const R& record) {
    Bytes frame;
    JuteWriter out(frame);
    encode(out, RequestHeader{xid, op});
    encode(out, record);
    put(id, frame);
  }
  void put(ConnectionId id, std::int32_t xid, OpCode op) {
    Bytes frame;
    JuteWriter out(frame);
    encode(out, RequestHeader{xid, op});
    put(id, frame);
  }
  void put_create(ConnectionId id, std::int32_t xid, std::string path, CreateMode mode = {}) {
    put(id, xid, OpCode::Create,
        CreateRequest{std::move(path), "data", open_acl(), static_cast<std::int32_t>(mode)});
  }
  void pump() { replica->pump(); }
  /// Through the log.
  void settle() {
    replica->pump();
    sync();
  }

  /// Nothing when no frame has come.
  std::optional<Reply> take(ConnectionId id) {
    Bytes frame = fake.clients.take(id);
    if (frame.empty()) return std::nullopt;
    JuteReader in(frame);
    Reply reply;
    decode(in, reply.header);
    REQUIRE(in.ok());
    reply.body.assign(in.rest().begin(), in.rest().end());
    return reply;
  }
  Reply must_take(ConnectionId id) {
    auto reply = take(id);
    REQUIRE(reply.has_value());
    return *reply;
  }
  WatcherEvent must_take_event(ConnectionId id, std::int64_t zxid) {
    Reply reply = must_take(id);
    CHECK(reply.header.xid == xid::kEvent);
    CHECK(reply.header.zxid == Zxid{zxid});
    CHECK(reply.header.err == Code::Ok);
    auto event = decode_all<WatcherEvent>(reply.body);
    REQUIRE(event.has_value());
    CHECK(event->state == KeeperState::SyncConnected);
    return *event;
  }
  bool closed(ConnectionId id) const { return fake.clients.closed.contains(id); }
  std::int64_t applied() const { return replica->tree().last_applied().value; }

  FakePorts fake;
  std::unique_ptr<Replica> replica;
};

}  // namespace quorate::server
