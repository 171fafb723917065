// A SessionCore with a scripted server at the other end of its link.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client-lib/src/session_core.h"
#include "quorate/errors.h"

namespace quorate::client {

struct SentRequest {
  std::int32_t xid = 0;
  OpCode op = OpCode::Notification;
  Bytes body;
};

class CoreFixture {
 public:
  explicit CoreFixture(CoreOptions options = default_options(), std::uint64_t seed = 7)
      : core(options, seed) {}

  static CoreOptions default_options() {
    CoreOptions options;
    options.hosts = 3;
    options.session_timeout_ms = 3'000;
    return options;
  }

  /// Moves the clock in small steps, as a driver's timer would.
  void advance(std::int64_t ms) {
    const std::int64_t end = now + ms;
    while (core.next_deadline_ms() <= end) {
      now = std::max(now, core.next_deadline_ms());
      core.tick(now);
      drain();
      if (!answer_connects) break;
    }
    now = end;
    core.tick(now);
    drain();
  }

  void start() {
    core.start(now);
    drain();
  }

  /// From no link to a session that stands.
  void serve(std::int64_t session = 0x1234, std::int32_t timeout_ms = 3'000) {
    core.link_up(now);
    drain();
    REQUIRE(handshakes.size() >= 1);
    ConnectResponse response;
    response.timeout_ms = timeout_ms;
    response.session_id = {session};
    response.password = std::string(16, 'p');
    response.read_only = serve_read_only;
    feed([&](JuteWriter& out) { encode(out, response); });
  }

  void up() {
    start();
    serve();
  }

  RequestId submit(OpCode op, const std::string& path, WatchId watch = 0,
                   std::int64_t timeout_ms = 0) {
    CoreRequest request;
    request.op = op;
    request.body = encode_all(PathWatchRequest{path, watch != 0});
    if (watch != 0) request.watch = WatchRequest{watch, path};
    request.timeout_ms = timeout_ms;
    const RequestId id = core.submit(now, std::move(request));
    drain();
    return id;
  }

  void reply(std::int32_t xid, std::int64_t zxid, Code err = Code::Ok, ByteView body = {}) {
    feed([&](JuteWriter& out) {
      encode(out, ReplyHeader{xid, {zxid}, err});
      out.raw(body);
    });
  }

  /// Answers the oldest request not answered yet.
  void reply_next(std::int64_t zxid, Code err = Code::Ok, ByteView body = {}) {
    while (next_reply < sent.size() && sent[next_reply].xid <= 0) ++next_reply;
    REQUIRE(next_reply < sent.size());
    reply(sent[next_reply++].xid, zxid, err, body);
  }

  void event(EventType type, const std::string& path, std::int64_t zxid = -1) {
    feed([&](JuteWriter& out) {
      encode(out, ReplyHeader{xid::kEvent, {zxid}, Code::Ok});
      encode(out, WatcherEvent{type, KeeperState::SyncConnected, path});
    });
  }

  RequestId add_auth(const std::string& identity, std::int64_t timeout_ms = 0) {
    CoreRequest request;
    request.op = OpCode::Auth;
    request.body = encode_all(AuthPacket{0, "digest", identity});
    request.timeout_ms = timeout_ms;
    const RequestId id = core.submit(now, std::move(request));
    drain();
    return id;
  }

  RequestId add_watch(const std::string& path, WatchId watch, bool recursive) {
    CoreRequest request;
    request.op = OpCode::AddWatch;
    request.watch = WatchRequest{watch, path, recursive};
    const RequestId id = core.submit(now, std::move(request));
    drain();
    return id;
  }

  RequestId remove_watches(WatchType type, const std::string& path, WatchId only, bool local) {
    CoreRequest request;
    request.op = OpCode::RemoveWatches;
    request.watch = WatchRemoval{type, path, only, local};
    const RequestId id = core.submit(now, std::move(request));
    drain();
    return id;
  }

  void lose_link() {
    core.link_down(now);
    drain();
  }

  template <class Fill>
  void feed(Fill fill) {
    Bytes packet;
    append_frame(packet, fill);
    core.bytes(now, packet);
    drain();
  }

  /// What a driver does after each call; sorts what came out into the vectors below.
  void drain() {
    for (CoreEvent& event : core.take_events()) {
      if (auto* connect = std::get_if<ConnectTo>(&event)) {
        connects.push_back(connect->host);
        in_handshake = true;
      }
      if (auto* cut = std::get_if<Disconnect>(&event)) disconnects.push_back(cut->why);
      if (auto* done = std::get_if<Completed>(&event)) {
        log.push_back("done " + std::to_string(done->id) + " " +
                      std::to_string(done->error.value()));
        completed.push_back(std::move(*done));
      }
      if (auto* fired = std::get_if<WatchFired>(&event)) {
        std::string line =
            std::string("fired ") + name_of(fired->event.type) + " " + fired->event.path;
        for (WatchId id : fired->watches) line += " " + std::to_string(id);
        log.push_back(line);
      }
      if (auto* gone = std::get_if<WatchesRemoved>(&event)) {
        std::string line = "removed " + gone->path;
        for (const RemovedWatch& each : gone->watches) {
          line += std::string(" ") + name_of(each.event) + "=" + std::to_string(each.id);
        }
        log.push_back(line);
      }
      if (auto* probe = std::get_if<ProbeWritable>(&event)) probes.push_back(probe->host);
      if (auto* change = std::get_if<SessionChanged>(&event)) {
        log.push_back(name_of(change->state));
      }
    }
    const Bytes out = core.take_output();
    FrameReader frames(64 << 20);
    const ErrorCode fault = frames.feed(out, [&](ByteView frame) {
      take_frame(frame);
      return true;
    });
    CHECK_FALSE(fault);
    CHECK(frames.buffered() == 0);
  }

  void take_frame(ByteView frame) {
    if (in_handshake) {
      in_handshake = false;
      handshakes.push_back(decode_all<ConnectRequest>(frame).value());
      handshake_sizes.push_back(frame.size());
      return;
    }
    JuteReader in(frame);
    RequestHeader header;
    decode(in, header);
    const ByteView rest = in.rest();
    sent.push_back({header.xid, header.type, Bytes(rest.begin(), rest.end())});
  }

  std::size_t count(OpCode op) const {
    std::size_t n = 0;
    for (const SentRequest& request : sent) n += request.op == op ? 1 : 0;
    return n;
  }

  std::int64_t now = 1'000;
  SessionCore core;
  bool in_handshake = false;
  bool serve_read_only = false;
  bool answer_connects = true;
  std::size_t next_reply = 0;
  std::vector<std::size_t> connects;
  std::vector<ErrorCode> disconnects;
  std::vector<std::size_t> probes;
  std::vector<ConnectRequest> handshakes;
  std::vector<std::size_t> handshake_sizes;
  std::vector<SentRequest> sent;
  std::vector<Completed> completed;
  std::vector<std::string> log;
};

}  // namespace quorate::client
