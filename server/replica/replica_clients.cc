// Clients: handshake, requests in their order, answers.
#include <algorithm>
#include <array>
#include <utility>

#include "base/ensure.h"
#include "server/replica/replica_impl.h"
#include "znode/proto/records.h"

namespace quorate::server {

namespace {

constexpr std::size_t kRequestHeaderBytes = 8;
/// Answers of one connection after which others get their turn.
constexpr std::size_t kReplySliceBytes = 256 << 10;
/// What a client may send while its handshake waits. Its connection is paused by then, so this is
/// what one read of the socket can hold.
constexpr std::size_t kHeldFramesMax = 4096;

/// The first `count`: identities are only ever added, so these are those of an earlier moment.
std::vector<consensus::WireId> wire_ids(const znode::Identities& identities, std::size_t count) {
  std::vector<consensus::WireId> ids;
  ids.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    ids.push_back({identities[i].scheme, identities[i].id});
  }
  return ids;
}

}  // namespace

// ---- Handshake
// -----------------------------------------------------------------------------------

bool Replica::Impl::on_client_frame(ConnectionId id, ByteView frame) {
  Connection* connection = connections.find(id);
  if (connection == nullptr) return true;
  ++statistics.packets_received;
  ++connection->statistics.received;
  metrics.bytes_received += frame.size() + sizeof(std::int32_t);
  switch (connection->stage) {
    case Stage::Sessionless:
      handshake(*connection, frame);
      return true;
    case Stage::Creating:
    case Stage::Revalidating:
      if (connection->held.size() >= kHeldFramesMax) {
        close(*connection);
      } else {
        connection->held.emplace_back(frame.begin(), frame.end());
      }
      return true;
    case Stage::Open:
      on_request(*connection, frame);
      break;
  }
  // A few bytes of requests can ask for a thousand times as many of answers: these leave first.
  connection = connections.find(id);
  return connection == nullptr || connection->out.size() < kReplySliceBytes;
}

void Replica::Impl::handshake(Connection& connection, ByteView frame) {
  Result<ConnectRequest> request = decode_all<ConnectRequest>(frame);
  if (!request) return close(connection);
  SessionBounds bounds{options.min_session_timeout_ms, options.max_session_timeout_ms};
  Verdict verdict = judge(*request, service(), tree.last_applied(), bounds);
  if (verdict.action == Verdict::Action::Close) return close(connection);
  ++metrics.connection_requests;
  connection.read_only = request->read_only;
  connection.timeout_ms = verdict.timeout_ms;
  if (verdict.action == Verdict::Action::Create) {
    const bool local = read_only || keeps_local_sessions();
    return local ? create_local_session(connection) : create_session(connection);
  }
  // Of a session of the ensemble nobody here can say whether it lives (step 7).
  if (read_only && tree.sessions().find(request->session_id)) return close(connection);
  // The older connection goes first, also when the password turns out wrong (step 8).
  Connection* older = connections.of_session(request->session_id);
  if (older != nullptr) close(*older);
  if (verdict.action == Verdict::Action::Refuse) return refuse(connection);
  reconnect(connection, request->session_id);
}

Service Replica::Impl::service() const {
  if (stopped) return Service::None;
  if (read_only) return Service::ReadOnly;
  return serving && !shuns_clients() ? Service::Full : Service::None;
}

void Replica::Impl::create_session(Connection& connection) {
  const SessionId session = new_session_id();
  connections.attach(connection, session);
  connection.stage = Stage::Creating;
  connections.touched(connection);
  submit_create_session(connection, connection.timeout_ms);
}

/// Of the session that the connection has already.
void Replica::Impl::submit_create_session(Connection& connection, std::int32_t timeout_ms) {
  std::array<std::byte, sizeof timeout_ms> body;
  store_be(body.data(), timeout_ms);
  const znode::WriteRequest write{connection.session, /*cxid=*/0, OpCode::CreateSession, body};
  if (may_propose_at_once()) return propose_now(write, connection.identities);
  consensus::Request request;
  request.session = connection.session;
  request.op = static_cast<std::int32_t>(OpCode::CreateSession);
  request.body = SharedBytes::copy_of(body);
  submit(std::move(request));
}

void Replica::Impl::reconnect(Connection& connection, SessionId session) {
  ++metrics.connection_revalidations;
  if (local_sessions.touch(session, connection.timeout_ms, last_tick_ms)) {
    return attach_local(connection, session);
  }
  if (read_only) return reconnect_read_only(connection, session);
  connections.attach(connection, session);
  if (local_sessions.upgrading(session)) {
    // The leader may not have heard of it yet: finish_upgrade() goes on.
    connection.stage = Stage::Revalidating;
    connections.touched(connection);
    return;
  }
  revalidate(connection);
}

void Replica::Impl::revalidate(Connection& connection) {
  const SessionId session = connection.session;
  if (!proposer) {
    connection.stage = Stage::Revalidating;
    connections.touched(connection);
    peer.step(consensus::AskRevalidate{session, connection.timeout_ms});
    return;
  }
  if (!proposer->session_alive(session)) return refuse(connection);
  sessions.own(session, /*owner=*/std::nullopt);
  sessions.touch(session, connection.timeout_ms, ports.clock.now_ms());
  establish(connection);
}

void Replica::Impl::refuse(Connection& connection) {
  connections.send(connection,
                   [&](JuteWriter& out) { encode(out, refused(connection.read_only, read_only)); });
  close(connection);
}

void Replica::Impl::establish(Connection& connection) {
  connection.stage = Stage::Open;
  connection.attached_after = peer.last_logged();
  connection.last_op = static_cast<std::int16_t>(OpCode::CreateSession);
  connection.statistics.last_zxid = tree.last_applied();
  connection.statistics.last_response_ms = last_tick_ms;
  connection.statistics.established_ms = ports.clock.wall_ms();
  connections.send(connection, [&](JuteWriter& out) {
    encode(out,
           accepted(connection.session, connection.timeout_ms, connection.read_only, read_only));
  });
  ConnectionId id = connection.id;
  for (const Bytes& frame : std::exchange(connection.held, {})) {
    Connection* still = connections.find(id);
    if (still == nullptr) return;
    on_request(*still, frame);
  }
}

// ---- Requests
// ------------------------------------------------------------------------------------

void Replica::Impl::on_request(Connection& connection, ByteView frame) {
  heard(connection);
  if (frame.size() < kRequestHeaderBytes) return close(connection);
  auto cxid = load_be<std::int32_t>(frame.data());
  auto op = static_cast<OpCode>(load_be<std::int32_t>(frame.data() + 4));
  ByteView body = frame.subspan(kRequestHeaderBytes);
  // Answered as soon as it is read: it may overtake replies that wait (client-protocol section 10).
  if (op == OpCode::Auth) return on_auth(connection, cxid, body);
  if (op == OpCode::Sasl) return on_sasl(connection, cxid, body);
  if (!znode::may_operate(options.auth, connection.identities)) {
    ++metrics.auth_failures;
    connections.reply(connection, {cxid, Zxid{}, Code::SessionClosedRequireSaslAuth});
    return close(connection);
  }
  Passage passage = passage_of(op);
  if (read_only && answer_read_only(connection, cxid, op, passage)) return;
  // A local session ends here, in its turn: the others have nothing to forget.
  if (op == OpCode::CloseSession && connection.local) passage = Passage::Read;
  const bool exceeds = passage == Passage::Write && exceeds_local(connection, op, body);
  const bool waits = awaits_round(op, passage);
  bool local = passage != Passage::Write && passage != Passage::Sync;
  if (local && !waits && connection.queue.empty()) {
    count_answer(connection, cxid, op, tree.last_applied(), /*latency_ms=*/0);
    answer_now(connection, cxid, op, passage, body);
    return;
  }
  if (!gate.admits_size(frame.size())) {
    ++metrics.large_requests_refused;
    ports.observer.note('W', "large request refused session=" + to_string(connection.session) +
                                 " bytes=" + std::to_string(frame.size()) +
                                 " limit=largeRequestMaxBytes");
    return close(connection);
  }
  OpenRequest request;
  request.bytes = static_cast<std::uint32_t>(frame.size());
  request.cxid = cxid;
  request.op = op;
  request.passage = passage;
  request.identities = static_cast<std::uint32_t>(connection.identities.size());
  request.received_ms = turn_ms();
  request.exceeds_local = exceeds;
  if (waits) join_round(connection, request);
  bool at_once = passage == Passage::Write && gate.open_for_submit(connection.queue);
  if (!at_once || audits(op)) request.body.assign(body.begin(), body.end());
  OpenRequest& queued = gate.push(connection.queue, std::move(request));
  if (!at_once) {
    submit_next(connection);
  } else if (!propose_at_once(connection, queued, body)) {
    submit(connection, queued, body);
  }
  throttle(connection);
}

void Replica::Impl::on_auth(Connection& connection, std::int32_t cxid, ByteView body) {
  Result<AuthPacket> packet = decode_all<AuthPacket>(body);
  // What cannot be read has no answer in ZooKeeper either.
  if (!packet) return close(connection);
  ErrorCode refused =
      znode::authenticate(options.auth, packet->scheme, packet->auth, connection.identities);
  connections.reply(connection, {cxid, Zxid{}, refused ? Code::AuthFailed : Code::Ok});
  if (!refused) return;
  ++metrics.auth_failures;
  close(connection);
}

void Replica::Impl::heard(Connection& connection) {
  if (connection.local) {
    local_sessions.touch(connection.session, connection.timeout_ms, last_tick_ms);
  } else if (proposer) {
    sessions.touch(connection.session, connection.timeout_ms, turn_ms());
  } else if (!connection.reported) {
    connection.reported = true;
    sessions.note(connection.session, connection.timeout_ms);
    reported.push_back(connection.id);
  }
}

void Replica::Impl::submit(Connection& connection, const OpenRequest& request, ByteView body) {
  consensus::Request out;
  out.session = connection.session;
  out.cxid = request.cxid;
  out.op = static_cast<std::int32_t>(request.op);
  out.body = SharedBytes::copy_of(body);
  out.authinfo = wire_ids(connection.identities, request.identities);
  gate.submitted(connection.queue, connection.id);
  submit(std::move(out));
}

void Replica::Impl::submit(consensus::Request request) {
  if (request.op != consensus::kSyncOp) ++submitted_writes;
  peer.step(consensus::Submit{std::move(request)});
}

bool Replica::Impl::may_propose_at_once() {
  if (!proposer || submitted_writes > 0 || !waiting_requests.empty()) return false;
  return peer.may_propose() && turn_has_room();
}

bool Replica::Impl::propose_at_once(Connection& connection, const OpenRequest& request,
                                    ByteView body) {
  // A reconfig may have to be told about.
  if (request.op == OpCode::Reconfig || !may_propose_at_once()) return false;
  gate.submitted(connection.queue, connection.id);
  propose_now({connection.session, request.cxid, request.op, body}, connection.identities);
  return true;
}

void Replica::Impl::propose_now(const znode::WriteRequest& write,
                                const znode::Identities& identities) {
  ++metrics.prepared;
  propose(proposer->prepare(write, identities, peer.next_zxid(), turn_wall_ms()));
  note_quota();
}

void Replica::Impl::submit_next(Connection& connection) {
  while (OpenRequest* request = gate.next_to_submit(connection.queue)) {
    // The path of a sync is needed for its reply; the body of a write for the audit log at most.
    const bool kept = request->passage == Passage::Sync || audits(request->op);
    Bytes body = kept ? request->body : std::exchange(request->body, {});
    submit(connection, *request, body);
  }
}

// ---- Answers
// -------------------------------------------------------------------------------------

bool Replica::Impl::answer_now(Connection& connection, std::int32_t cxid, OpCode op,
                               Passage passage, ByteView body) {
  switch (passage) {
    case Passage::Unknown:
      connections.reply(connection, {cxid, kBlankZxid, Code::Unimplemented});
      close(connection);
      return false;
    case Passage::Unimplemented:
      connections.reply(connection, {cxid, tree.last_applied(), Code::Unimplemented});
      return true;
    case Passage::Sync:
      reader.answer_sync(connection, cxid, body);
      return true;
    case Passage::Read:
    case Passage::Write:
      break;
  }
  ENSURE(passage == Passage::Read);
  if (op == OpCode::CloseSession) {
    end_local_session(connection, cxid);
    return false;
  }
  reader.answer(connection, cxid, op, body);
  return true;
}

void Replica::Impl::drain(ConnectionId id) {
  Connection* connection = connections.find(id);
  if (connection == nullptr) return;
  while (!connection->queue.empty()) {
    OpenRequest& first = connection->queue.front();
    if (first.passage == Passage::Write) break;
    if (first.passage == Passage::Sync && !first.answered) break;
    if (!rounds.covers(first.round)) break;
    OpenRequest request = gate.pop(connection->queue);
    count_answer(*connection, request.cxid, request.op, tree.last_applied(),
                 turn_ms() - request.received_ms);
    if (!answer_now(*connection, request.cxid, request.op, request.passage, request.body)) return;
    // More than the socket's queue may ever hold.
    if (connection->out.size() > options.reply_bytes_max) return close(*connection);
  }
  submit_next(*connection);
}

void Replica::Impl::answer_txn(const znode::Outcome& outcome) {
  const TxnHeader& txn = outcome.header;
  bool closes = txn.type == OpCode::CloseSession;
  if (gate.answers_abandoned(txn)) {
    // Its connection has ended; if the session is attached again, that connection has not asked.
  } else if (Connection* connection = connections.of_session(txn.client_id)) {
    if (connection->stage == Stage::Creating) {
      if (txn.type == OpCode::CreateSession) return establish(*connection);
      return close(*connection);
    }
    if (connection->stage == Stage::Open &&
        RequestGate::answers(connection->queue, connection->attached_after, txn)) {
      answer_write(*connection, outcome);
    }
  }
  if (!closes) return;
  gate.session_ended(txn.client_id);
  // Expired: no packet (client-protocol 3.3). While the leader is asked, its answer decides.
  Connection* attached = connections.of_session(txn.client_id);
  if (attached != nullptr && attached->stage == Stage::Open) close(*attached);
}

void Replica::Impl::answer_write(Connection& connection, const znode::Outcome& told) {
  OpenRequest request = gate.pop(connection.queue);
  std::optional<znode::Outcome> better;
  if (request.exceeds_local) better = explained(told);
  const znode::Outcome& outcome = better ? *better : told;
  if (audits(request.op)) audit_request(connection, request, outcome);
  count_answer(connection, request.cxid, request.op, outcome.header.zxid,
               turn_ms() - request.received_ms);
  Code code = znode::reply_code(outcome);
  // Never told to the client: the session lives at another server, this connection is over.
  if (code == Code::SessionMoved) return close(connection);
  connections.send(connection, [&](JuteWriter& out) {
    encode(out, ReplyHeader{request.cxid, outcome.header.zxid, code});
    if (code == Code::Ok) znode::encode_response(out, outcome);
  });
  if (request.op == OpCode::CloseSession) return close(connection);
  drain(connection.id);
}

void Replica::Impl::audit_request(const Connection& connection, const OpenRequest& request,
                                  const znode::Outcome& outcome) {
  const std::span<const AuthId> proved(connection.identities);
  const audit::Asker asker{connection.session, connection.identities.front().id,
                           proved.first(request.identities)};
  audit::tell_request(asker, request.op, request.body, outcome,
                      [this](const std::string& line) { ports.observer.audit(line); });
}

// ---- Ends and limits
// -----------------------------------------------------------------------------

void Replica::Impl::close(Connection& connection) {
  watches.drop(connection.id);
  gate.abandon(connection.queue, connection.session, connection.attached_after);
  connections.close(connection);
}

void Replica::Impl::close_all_clients() {
  for (ConnectionId id : connections.ids()) {
    Connection* connection = connections.find(id);
    if (connection->stage != Stage::Sessionless) close(*connection);
  }
  gate.clear();
  rounds.clear();
  barrier.awaited = false;
}

void Replica::Impl::throttle(Connection& connection) {
  if (connection.throttled) return;
  if (!gate.above_limit(connection.queue) && !waits_for_disk()) return;
  connection.throttled = true;
  ++metrics.throttled;
  throttled.push_back(connection.id);
  connections.touched(connection);
}

void Replica::Impl::resume_throttled() {
  if (throttled.empty()) return;
  std::erase_if(throttled, [this](ConnectionId id) {
    Connection* connection = connections.find(id);
    if (connection == nullptr) return true;
    if (!gate.below_limit(connection->queue) || waits_for_disk()) return false;
    connection->throttled = false;
    connections.touched(*connection);
    return true;
  });
}

void Replica::Impl::close_sessionless() {
  std::int64_t due_ms = last_tick_ms - options.sessionless_timeout_ms;
  while (!arrivals.empty() && arrivals.front().at_ms <= due_ms) {
    Connection* connection = connections.find(arrivals.front().id);
    if (connection != nullptr && connection->stage == Stage::Sessionless) {
      ++metrics.sessionless_expired;
      close(*connection);
    }
    arrivals.pop_front();
  }
}

}  // namespace quorate::server
