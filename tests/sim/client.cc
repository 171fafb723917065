#include "tests/sim/client.h"

#include "base/ensure.h"
#include "tests/sim/world.h"

namespace quorate::sim {

Client::Client(World& world, int number, Random random)
    : world_(world), number_(number), random_(random), reads_only_(random_.percent(50)) {}

void Client::start() {
  world_.network.attach(host(), *this);
  fresh_session();
  connect();
  beat();
  work();
}

void Client::fresh_session() {
  world_.checks.left(session_);
  session_ = {};
  home_ = 0;
  password_.assign(kPasswordSize, '\0');
  timeout_ms_ = world_.plan.session_timeout_ms;
  last_zxid_ = {};
  next_xid_ = 1;
  closing_ = false;
  watches_.clear();
}

// ---- Connection
// ----------------------------------------------------------------------------------

void Client::connect() {
  auto server = static_cast<HostId>(random_.between(1, world_.plan.servers));
  // Elsewhere a local session is over.
  if (world_.plan.local_sessions && home_ != 0 && random_.percent(70)) server = home_;
  // Rather reads in another session than nothing in its own; that one is left to expire.
  if (reads_only_ && ++failures_ > 8 && random_.percent(30)) fresh_session();
  server_ = server;
  state_ = State::Connecting;
  last_heard_ = world_.scheduler.now();
  conn_ = world_.network.connect(host(), server, Port::Client);
}

void Client::lose() {
  if (state_ == State::Idle) return;
  if (state_ == State::Up) {
    world_.trace.event("client-lost", {number_, session_.value, conn_});
    if (!closing_)
      world_.checks.disturbed("client " + std::to_string(number_) + " lost its connection");
  }
  state_ = State::Idle;
  // Some clients hold on to a session of read-only mode, and are refused elsewhere.
  if (std::exchange(read_only_, false) && random_.percent(60)) fresh_session();
  world_.network.close(conn_, host());
  conn_ = 0;
  pending_.clear();
  restoring_ = false;
  if (closing_) fresh_session();  // Whether the farewell arrived is unknown: the session is left.
  Micros pause = random_.between(1, 60) * kMillisecond;
  world_.scheduler.after(pause, [this, attempt = ++attempt_] {
    if (attempt == attempt_ && state_ == State::Idle) connect();
  });
}

void Client::drop() {
  if (random_.percent(50)) {
    lose();
  } else if (state_ == State::Up) {
    world_.network.break_connection(conn_);
  }
}

void Client::crash(bool silent, Micros down) {
  world_.trace.event("client-crash", {number_, session_.value, silent});
  world_.network.detach(host(), silent);
  state_ = State::Idle;
  conn_ = 0;
  pending_.clear();
  restoring_ = false;
  versions_.clear();
  listed_.clear();
  fresh_session();
  world_.scheduler.after(down, [this, attempt = ++attempt_] {
    // It may have crashed before it had begun, and have begun since.
    if (attempt != attempt_ || state_ != State::Idle) return;
    world_.network.attach(host(), *this);
    connect();
  });
}

void Client::on_connected(ConnId conn, bool ok) {
  if (conn != conn_ || state_ != State::Connecting) return;
  if (!ok) return lose();
  state_ = State::Handshake;
  frames_ = FrameReader();
  ConnectRequest request;
  request.last_zxid_seen = last_zxid_;
  request.timeout_ms = world_.plan.session_timeout_ms;
  request.session_id = session_;
  request.password = password_;
  request.read_only = reads_only_;
  Bytes frame;
  append_frame(frame, [&](JuteWriter& out) { encode(out, request); });
  send(std::move(frame));
}

void Client::on_end(ConnId conn) {
  if (conn == conn_) lose();
}

void Client::on_bytes(ConnId conn, ByteView bytes) {
  if (conn != conn_) return;
  last_heard_ = world_.scheduler.now();
  ErrorCode fault =
      frames_.feed(bytes, [this, conn](ByteView body) { return frame(body) && conn == conn_; });
  if (fault) throw Violation("client " + std::to_string(number_) + ": a frame that cannot be");
}

void Client::send(Bytes frame) {
  last_sent_ = world_.scheduler.now();
  world_.network.send(conn_, host(), std::move(frame));
}

/// Pings, and gives up on a server that is silent.
void Client::beat() {
  Micros timeout = Micros{timeout_ms_} * kMillisecond;
  Micros now = world_.scheduler.now();
  if (state_ != State::Idle && now - last_heard_ > timeout * 2 / 3) lose();
  if (state_ == State::Up && now - last_sent_ > timeout / 4) {
    Bytes frame;
    append_frame(frame, [](JuteWriter& out) {
      encode(out, RequestHeader{xid::kPing, OpCode::Ping});
    });
    pending_.push_back({xid::kPing, std::nullopt, OpCode::Ping, "", false, now});
    send(std::move(frame));
  }
  world_.scheduler.after(timeout / 12, [this] { beat(); });
}

bool Client::frame(ByteView body) {
  if (state_ == State::Handshake) {
    handshake_done(body);
    return state_ == State::Up;
  }
  if (state_ != State::Up) return false;
  JuteReader in(body);
  ReplyHeader header;
  decode(in, header);
  if (header.xid == xid::kEvent) {
    WatcherEvent told;
    decode(in, told);
    if (in.finish()) throw Violation("client " + std::to_string(number_) + ": a broken event");
    event(header, told);
  } else {
    reply(header, in.rest());
  }
  return state_ == State::Up;
}

void Client::handshake_done(ByteView body) {
  auto response = decode_all<ConnectResponse>(body);
  if (!response)
    throw Violation("client " + std::to_string(number_) + ": a broken connect response");
  if (response->timeout_ms <= 0) {
    world_.trace.event("session-refused", {number_, session_.value});
    world_.checks.session_refused(number_, session_, static_cast<int>(server_));
    fresh_session();
    lose();
    return;
  }
  if (session_.value != 0 && response->session_id != session_) {
    throw Violation("client " + std::to_string(number_) + ": got another session than its own");
  }
  const bool fresh = session_.value == 0;
  session_ = response->session_id;
  password_ = response->password.value_or("");
  timeout_ms_ = response->timeout_ms;
  state_ = State::Up;
  failures_ = 0;
  read_only_ = response->read_only.value_or(false);
  world_.trace.event("client-up", {number_, session_.value, conn_, timeout_ms_, read_only_});
  if (read_only_) {
    if (!reads_only_) throw Violation("client " + std::to_string(number_) + ": read-only, unasked");
  }
  if (fresh) home_ = server_;
  if (world_.plan.local_sessions || (read_only_ && fresh)) {
    world_.checks.local_session(session_, static_cast<int>(server_), fresh);
  }
  restore_watches();
}

void Client::reply(const ReplyHeader& header, ByteView body) {
  if (pending_.empty() || pending_.front().xid != header.xid) {
    throw Violation("client " + std::to_string(number_) + ": a reply to xid " +
                    std::to_string(header.xid) + " out of order");
  }
  Pending pending = pending_.front();
  pending_.pop_front();
  world_.trace.event("reply",
                     {number_, header.xid, static_cast<int>(header.err), header.zxid.value});
  if (header.zxid < last_zxid_)
    throw Violation("client " + std::to_string(number_) + ": zxid went back");
  last_zxid_ = header.zxid;
  world_.checks.shown(header.zxid);
  world_.checks.heard(session_, pending.sent);
  if (pending.op == OpCode::SetWatches) return watches_restored(header.zxid);
  check_missed(header.zxid);
  if (!pending.operation) {
    const bool refused = read_only_ && pending.op != OpCode::Ping;
    if (refused != (header.err == Code::NotReadOnly)) {
      throw Violation("client " + std::to_string(number_) + ": code " +
                      std::to_string(static_cast<int>(header.err)) + " for op " +
                      std::to_string(static_cast<int>(pending.op)) +
                      (read_only_ ? " in read-only mode" : ""));
    }
    if (refused) REACHED("read-only refuses a write");
    return;
  }
  if (read_only_) REACHED("read-only answers a read");
  world_.checks.answered(*pending.operation, header.err, header.zxid, body);
  if (pending.watch) take_watch(pending, header);
  if (header.err != Code::Ok) return;
  if (world_.checks.is_write(*pending.operation)) rested_ = false;
  JuteReader in(body);
  if (pending.op == OpCode::GetData) {
    (void)in.buffer();
    versions_[pending.path] = in.stat().version;
  } else if (pending.op == OpCode::GetChildren2) {
    listed_ = in.strings();
    for (std::string& child : listed_) child = pending.path + "/" + child;
  } else if (pending.op == OpCode::CloseSession) {
    lose();
  }
}

}  // namespace quorate::sim
