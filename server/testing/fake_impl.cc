#include "server/testing/fake_impl.h"

#include <algorithm>

#include "base/ensure.h"

namespace quorate::testing {

namespace {

constexpr std::size_t kHistoryMax = 10'000;
constexpr std::chrono::milliseconds kTick{consensus::kTickPeriodMs};

server::ReplicaOptions replica_options(const FakeOptions& options) {
  server::ReplicaOptions made;
  const auto tick_ms = options.tick_time.count();
  made.peer.tick_time_ms = tick_ms;
  made.min_session_timeout_ms = static_cast<std::int32_t>(2 * tick_ms);
  made.max_session_timeout_ms =
      static_cast<std::int32_t>(std::max<std::int64_t>(60'000, 20 * tick_ms));
  made.ops.extended_types_enabled = true;
  made.ops.max_buffer = options.request_bytes_max;
  return made;
}

bool lies_in(const std::string& path, const std::string& top) {
  if (top.ends_with('/')) return path.starts_with(top);
  if (path == top) return true;
  return path.starts_with(top) && path[top.size()] == '/';
}

}  // namespace

FakeEnsemble::Impl::Impl(const FakeOptions& options)
    : FakeNetwork(options),
      frame_max(options.request_bytes_max),
      replica(replica_options(options), options.seed, *this) {
  replica.start(/*alone=*/true);
  tick();
}

void FakeEnsemble::Impl::shut_down() {
  end_threads();
  // What the test has made behind this object is gone by now.
  for (const void* owner : driven) remove_loop(owner);
  try {
    poll();  // Clients that have gone let go of their connections.
  } catch (...) {
    // Of a handler; there is nobody left to tell.
  }
  forget_connections();
  talks_.clear();
  forget_all();
}

void FakeEnsemble::Impl::tick() {
  replica.tick(std::chrono::duration_cast<std::chrono::milliseconds>(elapsed()).count());
  at(time() + kTick, [this] { tick(); });
}

void FakeEnsemble::Impl::set_read_only(bool yes) {
  if (std::exchange(read_only_, yes) == yes || !replica.running()) return;
  cut_all();
  replica.stop();
  replica.start(!read_only_);
}

void FakeEnsemble::Impl::set_running(int server, bool runs) {
  if (server < 0 || server > servers()) throw FakeError("there is no server " + host(server));
  bool any = false;
  for (int each = 1; each <= servers(); ++each) {
    if (server == 0 || server == each) set_down(each, !runs);
    any = any || !is_down(each);
  }
  if (!any) replica.stop();
  if (any && !replica.running()) replica.start(!read_only_);
}

std::optional<FakeNetwork::Connection> FakeEnsemble::Impl::connection_of(SessionId session) const {
  for (const auto& [connection, talk] : talks_) {
    if (talk->session == session && talk->answered) return connection;
  }
  return std::nullopt;
}

std::string FakeEnsemble::Impl::connect_string() const {
  std::string text;
  for (int server = 1; server <= servers(); ++server) {
    text += (server == 1 ? "" : ",") + host(server) + ":2181";
  }
  return text;
}

void FakeEnsemble::Impl::cut_all() {
  for (const Connection connection : standing()) break_off(connection);
}

// ---- Connections
// ---------------------------------------------------------------------------------

void FakeEnsemble::Impl::on_accepted(Connection connection) {
  talks_[connection] = std::make_shared<Talk>(frame_max);
  replica.open(ConnectionId{static_cast<std::int64_t>(connection)});
}

void FakeEnsemble::Impl::on_gone(Connection connection) {
  talks_.erase(connection);
  replica.closed(ConnectionId{static_cast<std::int64_t>(connection)});
}

void FakeEnsemble::Impl::on_received(Connection connection, ByteView bytes) {
  const auto known = talks_.find(connection);
  if (known == talks_.end()) return;
  const TalkPtr talk = known->second;
  if (answer_word(connection, *talk, bytes)) return;
  const ErrorCode fault = talk->in.feed(bytes, [&](ByteView frame) {
    on_frame(connection, talk, frame);
    return talks_.contains(connection);
  });
  if (fault) break_off(connection);
}

/// Clients on a read-only server ask the others whether they are writable.
bool FakeEnsemble::Impl::answer_word(Connection connection, const Talk& talk, ByteView bytes) {
  if (talk.asked || as_text(bytes) != "isro") return false;
  deliver(connection, as_bytes(replica.read_only() ? "ro" : read_only_ ? "null" : "rw"));
  end(connection);
  on_gone(connection);
  return true;
}

void FakeEnsemble::Impl::on_frames(ConnectionId id, ByteView frames) {
  const auto connection = static_cast<Connection>(id.value);
  const auto known = talks_.find(connection);
  if (known == talks_.end() || known->second->muted) return;
  Talk& talk = *known->second;
  const ErrorCode fault = talk.out.feed(frames, [&](ByteView frame) {
    note_answer(talk, frame);
    return true;
  });
  ENSURE(!fault);
  deliver(connection, frames);
}

void FakeEnsemble::Impl::on_closed(ConnectionId id) {
  const auto connection = static_cast<Connection>(id.value);
  const auto known = talks_.find(connection);
  if (known == talks_.end()) return;
  const bool muted = known->second->muted;
  talks_.erase(known);
  muted ? break_off(connection) : end(connection);
}

// ---- Requests
// ------------------------------------------------------------------------------------

AskedFor FakeEnsemble::Impl::take_in(Talk& talk, ByteView frame) {
  if (std::exchange(talk.asked, true)) return asked_for(frame);
  AskedFor asked;
  asked.op = Op::Connect;
  if (const auto hello = decode_all<ConnectRequest>(frame)) talk.session = hello->session_id;
  return asked;
}

void FakeEnsemble::Impl::note(Talk& talk, const AskedFor& asked) {
  ++counts[asked.op];
  if (asked.op == Op::Ping) return;
  RequestRecord record;
  record.when = std::chrono::duration_cast<std::chrono::milliseconds>(elapsed());
  record.session = talk.session;
  record.op = asked.op;
  for (const std::string& path : asked.paths) {
    record.path += (record.path.empty() ? "" : ", ") + path;
  }
  talk.open.emplace_back(asked.xid, forgotten_ + history.size());
  history.push_back(std::move(record));
  if (history.size() <= kHistoryMax) return;
  history.pop_front();
  ++forgotten_;
}

void FakeEnsemble::Impl::note_answer(Talk& talk, ByteView frame) {
  ReplyHeader header;
  if (!std::exchange(talk.answered, true)) {
    const auto response = decode_all<ConnectResponse>(frame);
    ENSURE(response.has_value());
    if (response->timeout_ms > 0) talk.session = response->session_id;
    if (response->timeout_ms == 0) header.err = client::Code::SessionExpired;
  } else {
    JuteReader in(frame);
    decode(in, header);
  }
  const auto asked = std::find_if(talk.open.begin(), talk.open.end(),
                                  [&](const auto& open) { return open.first == header.xid; });
  if (asked == talk.open.end()) return;
  if (asked->second >= forgotten_) {
    RequestRecord& record = history[asked->second - forgotten_];
    record.answer = header.err;
    record.session = talk.session;
  }
  talk.open.erase(asked);
}

void FakeEnsemble::Impl::on_frame(Connection connection, const TalkPtr& talk, ByteView frame) {
  const AskedFor asked = take_in(*talk, frame);
  note(*talk, asked);
  if (const std::optional<Fault> fault = strike(asked, talk->session)) {
    suffer(*fault, connection, talk, asked, frame);
  } else {
    carry_out(connection, frame);
  }
}

void FakeEnsemble::Impl::carry_out(Connection connection, ByteView frame) {
  replica.frame(ConnectionId{static_cast<std::int64_t>(connection)}, frame);
}

void FakeEnsemble::Impl::suffer(const Fault& fault, Connection connection, const TalkPtr& talk,
                                const AskedFor& asked, ByteView frame) {
  switch (fault.kind) {
    case Kind::LoseRequest:
      return break_off(connection);
    case Kind::LoseReply:
      talk->muted = true;
      carry_out(connection, frame);
      return break_off(connection);
    case Kind::DelayReply:
      hold(connection, fault.span);
      return carry_out(connection, frame);
    case Kind::Answer:
      return refuse(connection, *talk, asked.xid, fault.code);
    case Kind::Before:
      fault.action();
      if (talks_.contains(connection)) carry_out(connection, frame);
      return;
    case Kind::After:
      carry_out(connection, frame);
      return fault.action();
  }
}

void FakeEnsemble::Impl::refuse(Connection connection, Talk& talk, std::int32_t xid,
                                client::Code code) {
  Bytes frame;
  append_frame(frame, [&](JuteWriter& out) {
    encode(out, ReplyHeader{xid, replica.last_zxid(), code});
  });
  const ErrorCode fault = talk.out.feed(frame, [&](ByteView each) {
    note_answer(talk, each);
    return true;
  });
  ENSURE(!fault);
  deliver(connection, frame);
}

// ---- The script
// ----------------------------------------------------------------------------------

bool FakeEnsemble::Impl::concerns(const Request& request, const AskedFor& asked,
                                  SessionId session) const {
  if (request.session_ && *request.session_ != session) return false;
  if (request.op_ == Op::Any) {
    if (asked.op == Op::Connect || asked.op == Op::Ping || asked.op == Op::RestoreWatches) {
      return false;
    }
  } else if (request.op_ != asked.op) {
    return false;
  }
  if (request.path_.empty()) return true;
  return std::any_of(asked.paths.begin(), asked.paths.end(), [&](const std::string& path) {
    return request.below_ ? lies_in(path, request.path_) : path == request.path_;
  });
}

/// Each counts the requests that no other has struck.
std::optional<FakeEnsemble::Impl::Fault> FakeEnsemble::Impl::strike(const AskedFor& asked,
                                                                    SessionId session) {
  for (auto fault = faults.begin(); fault != faults.end(); ++fault) {
    if (!concerns(fault->request, asked, session)) continue;
    if (fault->seen + 1 < fault->request.nth_) {
      ++fault->seen;
      continue;
    }
    Fault struck = std::move(*fault);
    faults.erase(fault);
    return struck;
  }
  return std::nullopt;
}

std::vector<std::string> FakeEnsemble::Impl::outstanding() const {
  static constexpr const char* kKinds[] = {"lose_request", "lose_reply", "delay_reply",
                                           "answer",       "before",     "after"};
  std::vector<std::string> all;
  for (const Fault& fault : faults) {
    std::string text =
        std::string(kKinds[static_cast<int>(fault.kind)]) + " " + name_of(fault.request.op_);
    if (!fault.request.path_.empty()) {
      text += (fault.request.below_ ? " below " : " ") + fault.request.path_;
    }
    if (fault.request.nth_ > 1) {
      text +=
          ", " + std::to_string(fault.seen) + " of " + std::to_string(fault.request.nth_) + " seen";
    }
    all.push_back(std::move(text));
  }
  return all;
}

std::string FakeEnsemble::Impl::describe_rest() const {
  std::string text = "; connections: " + std::to_string(talks_.size());
  for (const std::string& each : outstanding()) text += "; not struck: " + each;
  if (!history.empty()) text += "; the last request was " + to_string(history.back());
  return text;
}

}  // namespace quorate::testing
