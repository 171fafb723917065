#include "server/replica/replica.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "server/replica/replica_impl.h"

namespace quorate::server {

namespace {

/// Quantiles tell of the last one to two of these.
constexpr std::int64_t kQuantileWindowMs = 5 * 60 * 1000;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;  // For clang 14, which builds the fuzz targets.

CheckpointLimits checkpoint_limits(const ReplicaOptions& options) {
  return {options.checkpoint_dirty_bytes, options.checkpoint_log_bytes, options.snap_count,
          options.checkpoint_slice};
}

consensus::DurableState with_config(consensus::DurableState state, const znode::DataTree& tree) {
  state.config = config_of(tree);
  return state;
}

/// What writes are prepared by; without reconfig nobody is there to be asked about it.
znode::OpOptions with_planner(const ReplicaOptions& options,
                              const znode::ReconfigPlanner& planner) {
  znode::OpOptions ops = options.ops;
  if (options.peer.reconfig_enabled) ops.reconfig = &planner;
  return ops;
}

}  // namespace

std::string config_of(const znode::DataTree& tree) {
  const znode::Node* node = tree.find("/zookeeper/config");
  return node == nullptr ? std::string() : std::string(node->data().value_or(std::string_view()));
}

Replica::Impl::Impl(ReplicaOptions given, Recovered recovered, Ports given_ports, Random random)
    : options(std::move(given)),
      ports(given_ports),
      tree(std::move(recovered.tree)),
      recovered_fuzzy_until(recovered.fuzzy_until),
      proven(!recovered.durable.blank),
      connections(options.fan_out, metrics),
      gate({options.outstanding_max, options.per_connection_max, options.large_request_threshold,
            options.large_request_max_bytes}),
      sessions(options.peer.self, options.peer.tick_time_ms, ports.clock.wall_ms(), random.fork()),
      local_sessions(options.peer.tick_time_ms),
      checkpoints(checkpoint_limits(options), recovered.durable.checkpoint,
                  options.peer.init_limit * options.peer.tick_time_ms, ports.disk, ports.links),
      applier(tree, watches, connections, options.ops, metrics),
      reader(tree, watches, connections, options.ops, metrics),
      peer(options.peer, with_config(std::move(recovered.durable), tree), random.fork()),
      planner(peer, options.peer.standalone, options.reconfig_voters_min),
      write_ops(with_planner(options, planner)),
      reaper(options.reaper),
      started_ms(ports.clock.now_ms()),
      last_tick_ms(started_ms),
      since{.looking = started_ms,
            .elected = started_ms,
            .unavailable = started_ms,
            .leading = started_ms,
            .rotated = started_ms},
      last_checkpoint(tree.last_applied()) {}

// ---- The pump
// ------------------------------------------------------------------------------------

void Replica::Impl::pump() {
  while (true) {
    begin_read_round();
    propose_waiting();
    while (peer.has_ready()) {
      carry_out(peer.take_ready());
      if (diverged_at)
        peer.step(consensus::TreeDiverged{*std::exchange(diverged_at, std::nullopt)});
      propose_waiting();
      begin_read_round();
    }
    install_arriving();
    start_install();
    start_restore();
    for (const consensus::TransferDone& done : checkpoints.advance(last_tick_ms, fuzzy_until())) {
      peer.step(done);
    }
    if (!peer.has_ready()) break;
  }
  // While a received tree is on its way to the disk, a batch of the old one would land on top of
  // it.
  if (installing) {
    continue_install();
  } else if (!arriving || !arriving->begun) {
    const bool idle = !checkpoints.writing();
    checkpoints.renew_if_due(tree, fuzzy_until(), ports.clock.now_ms());
    if (idle && checkpoints.writing()) since.checkpoint = last_tick_ms;
  }
  flush();
  turn = {};
}

/// In the order of the fields of Ready, which is the order that consensus relies on. But the links
/// must know of new members before anything is sent to these.
void Replica::Impl::carry_out(consensus::Ready ready) {
  if (ready.membership_changed) ports.links.set_members(peer.membership());
  if (!ready.writes.empty()) count_writes(ready.writes);
  if (!ready.writes.empty()) ports.disk.write(ready.first_write, std::move(ready.writes));
  for (const consensus::LinkCommand& command : ready.links) carry_out(command);
  for (const consensus::VoteEnvelope& vote : ready.votes) {
    ports.links.vote(vote.to, vote.notification);
  }
  for (consensus::Envelope& envelope : ready.sends) send(std::move(envelope));
  // One look at the clock for all of them.
  const std::int64_t wall_ms = ready.commits.empty() ? 0 : ports.clock.wall_ms();
  for (const consensus::LogRecord& record : ready.commits) apply(record, wall_ms);
  auto queue_of = [this](ConnectionId id) {
    Connection* connection = connections.find(id);
    return connection == nullptr ? nullptr : &connection->queue;
  };
  // Nobody has asked any more while a tree is being restored.
  if (serving) {
    for (ConnectionId id : gate.syncs_done(ready.syncs_done, queue_of)) {
      id == RequestGate::kReadRound ? finish_read_round() : drain(id);
    }
  }
  for (const consensus::RevalidateAnswer& answer : ready.revalidated) {
    Connection* connection = connections.of_session(answer.session);
    if (connection == nullptr || connection->stage != Stage::Revalidating) continue;
    answer.valid ? establish(*connection) : refuse(*connection);
  }
  for (const consensus::Revalidation& question : ready.revalidations) {
    answer_revalidation(question);
  }
  for (const consensus::LearnerTouches& heard : ready.touches) {
    for (const consensus::SessionTouch& touch : heard.touches) {
      sessions.touch(touch.session, touch.timeout_ms, ports.clock.now_ms());
    }
  }
  for (const consensus::Transfer& transfer : ready.transfers) {
    checkpoints.begin(transfer.link, tree.last_applied(), last_tick_ms);
  }
  if (ready.membership_changed) show_members();
  for (const consensus::Event& event : ready.events) observe(event);
  for (consensus::Request& request : ready.requests) {
    waiting_requests.push_back(std::move(request));
  }
}

void Replica::Impl::carry_out(consensus::LinkCommand command) {
  std::visit(Overloaded{[this](consensus::OpenLink open) { ports.links.open(open.peer); },
                        [this](consensus::CancelOpen open) { ports.links.cancel(open.peer); },
                        [this](consensus::CloseLink close) {
                          drop_link(close.link);
                          ports.links.close(close.link);
                        }},
             command);
}

void Replica::Impl::send(consensus::Envelope envelope) {
  consensus::QuorumPacket& packet = envelope.packet;
  bool ping_reply = packet.type == consensus::PacketType::Ping &&
                    (!packet.data || packet.data->empty()) &&
                    peer.role() != consensus::Role::Leading;
  if (ping_reply) {
    packet.data = consensus::encode_touches(sessions.take_notes());
    for (ConnectionId id : std::exchange(reported, {})) {
      if (Connection* connection = connections.find(id)) connection->reported = false;
    }
  }
  ports.links.send(envelope.link, packet);
}

void Replica::Impl::flush() {
  resume_throttled();
  for (LinkId link : std::exchange(links_to_close, {})) ports.links.close(link);
  ports.links.flush();
  connections.flush(ports.clients);
}

// ---- Commits
// -------------------------------------------------------------------------------------

void Replica::Impl::apply(const consensus::LogRecord& record, std::int64_t wall_ms) {
  auto mode = record.zxid <= fuzzy_until() ? znode::ReplayMode::Fuzzy : znode::ReplayMode::Exact;
  znode::Outcome outcome = applier.apply(record, mode);
  count_commit(outcome.header, wall_ms);
  checkpoints.applied(record.bytes.size());
  keep_digest(record.zxid);
  if (proposer) proposer->landed(record.zxid);
  if (outcome.digest_mismatch) {
    ++metrics.digest_mismatches;
    if (!diverged) ports.observer.note('E', "digest mismatch zxid=" + to_string(record.zxid));
    diverged = true;
    diverged_at = record.zxid;
  }
  track_session(outcome);
  // What a start applies again has been told before.
  if (serving && !options.audit_user.empty() && outcome.header.type == OpCode::CloseSession) {
    audit::tell_ephemerals(options.audit_user, outcome,
                           [this](const std::string& line) { ports.observer.audit(line); });
  }
  answer_txn(outcome);
  if (barrier.awaited && is_barrier(outcome.header)) finish_read_round();
}

void Replica::Impl::track_session(const znode::Outcome& outcome) {
  const TxnHeader& txn = outcome.header;
  if (txn.type == OpCode::CreateSession) {
    sessions.created(txn.client_id, outcome.timeout_ms, ports.clock.now_ms());
    finish_upgrade(txn.client_id);
  } else if (txn.type == OpCode::CloseSession) {
    sessions.closed(txn.client_id);
  }
}

// ---- Events
// --------------------------------------------------------------------------------------

void Replica::Impl::observe(const consensus::Event& event) {
  switch (event.kind) {
    case consensus::EventKind::Serving:
      begin_service();
      break;
    case consensus::EventKind::Elected:
      end_read_only();
      break;
    case consensus::EventKind::ServiceLost:
      lose_service();
      break;
    default:
      break;
  }
  count_event(event);
  ports.observer.on_event(event);
}

void Replica::Impl::begin_service() {
  // Service may be over again already; its ServiceLost is then behind this event.
  if (!peer.serving()) return;
  serving = proven = true;
  local_sessions.settle_upgrades();
  local_sessions.regrant(last_tick_ms);
  show_members();
  // What was proposed before UPTODATE is all in the log now: behind it every txn is exact.
  recovered_fuzzy_until = std::min(recovered_fuzzy_until, peer.last_logged());
  if (peer.role() != consensus::Role::Leading) return;
  submitted_writes = 0;
  sessions.lead(tree.sessions(), ports.clock.now_ms());
  const LocalWriters locals{keeps_local_sessions(), options.peer.self, local_sessions};
  proposer.emplace(tree, write_ops, sessions, locals, options.peer.max_field);
  reaper.lead(ports.clock.now_ms());
}

/// /zookeeper/config tells of the config in force: as a reconfig's txn has written it, or else as
/// this server knows it, from its own file or from others (also behind a SNAP, whose sender may
/// have another file).
void Replica::Impl::show_members() {
  if (!serving || options.peer.standalone) return;
  const consensus::Ensemble& members = peer.membership().current();
  const std::string& text = peer.membership().text();
  if (config_of(tree) == text) return;
  applier.set_config(text, Zxid{members.version()}, ports.clock.wall_ms());
}

void Replica::Impl::lose_service() {
  serving = false;
  close_all_clients();
  waiting_requests.clear();
  proposer.reset();
  reaper.stop();
  sessions.clear();
  local_sessions.doubt_upgrades();
  reported.clear();
}

// ---- The face
// ------------------------------------------------------------------------------------

Replica::Replica(ReplicaOptions options, Recovered recovered, Ports ports, Random random)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(recovered), ports, random)) {}

Replica::~Replica() = default;

void Replica::on_client_open(ConnectionId connection, ClientOrigin origin) {
  znode::Identities identities =
      znode::first_identities(impl_->options.auth, origin.address, origin.proved);
  impl_->connections.open(connection, std::move(origin)).identities = std::move(identities);
  impl_->arrivals.push_back({impl_->last_tick_ms, connection});
}

bool Replica::on_client_frame(ConnectionId connection, ByteView frame) {
  return impl_->on_client_frame(connection, frame);
}

void Replica::on_client_closed(ConnectionId id) {
  Connection* connection = impl_->connections.find(id);
  if (connection == nullptr) return;
  ++impl_->metrics.connections_dropped;
  impl_->watches.drop(id);
  impl_->gate.abandon(connection->queue, connection->session, connection->attached_after);
  impl_->connections.forget(*connection);
}

void Replica::on_notification(ServerId from, consensus::Notification notification) {
  impl_->peer.step(consensus::ElectionMessage{from, std::move(notification)});
}

void Replica::on_election_link(ServerId peer, bool reachable) {
  impl_->peer.step(consensus::ElectionLink{peer, reachable});
}

void Replica::on_link_up(LinkId link, std::optional<ServerId> opened_to) {
  impl_->links.try_emplace(
      link, Impl::Link{LinkStream(impl_->options.peer.max_field), impl_->last_tick_ms});
  impl_->peer.step(consensus::LinkUp{link, opened_to});
}

void Replica::on_link_bytes(LinkId link, ByteView bytes) {
  impl_->on_link_bytes(link, bytes);
}

void Replica::on_link_down(LinkId link) {
  impl_->drop_link(link);
  impl_->peer.step(consensus::LinkDown{link});
}

void Replica::on_synced(std::uint64_t write) {
  impl_->peer.step(consensus::LogSynced{write});
}

void Replica::on_checkpointed(Zxid zxid) {
  if (impl_->checkpoints.on_checkpointed(zxid)) impl_->count_checkpoint(zxid);
  // An answer to a batch of before a received tree may name what is not applied here any more.
  if (zxid <= impl_->peer.applied()) impl_->peer.checkpointed(zxid);
}

void Replica::on_checkpoint_lost() {
  impl_->checkpoints.lost(impl_->tree, impl_->ports.clock.now_ms());
}

void Replica::on_snapshot_piece(LinkId link, Zxid zxid, SharedBytes piece, bool last, bool ok) {
  impl_->checkpoints.on_piece(link, zxid, std::move(piece), last, ok);
}

void Replica::on_installed(LinkId link, Zxid zxid, bool ok) {
  impl_->on_installed(link, zxid, ok);
}

void Replica::on_tick() {
  Impl& impl = *impl_;
  impl.turn = {};
  std::int64_t now_ms = impl.ports.clock.now_ms();
  bool slept = now_ms - impl.last_tick_ms > impl.options.peer.tick_time_ms;
  impl.last_tick_ms = now_ms;
  if (now_ms - impl.since.rotated >= kQuantileWindowMs) {
    impl.since.rotated = now_ms;
    impl.metrics.rotate();
  }
  impl.peer.step(consensus::Tick{now_ms});
  // This process did not run: what clients sent meanwhile has not been read yet, and their silence
  // says nothing (hazard R58).
  if (slept) impl.sessions.regrant(impl.tree.sessions(), now_ms);
  impl.expire_sessions();
  impl.reap();
  impl.tend_read_only();
  impl.tend_local_sessions(slept);
  impl.close_sessionless();
  impl.close_silent_trees();
}

bool Replica::expire_session(SessionId session) {
  Impl& impl = *impl_;
  if (impl.local_sessions.contains(session) && !impl.stopped) {
    impl.expire_local(session);
    return true;
  }
  const bool can = impl.proposer && !impl.stopped && impl.proposer->session_alive(session) &&
                   impl.waiting_requests.empty() && impl.peer.may_propose();
  if (can) impl.expire(session);
  return can;
}

void Replica::pump() {
  impl_->pump();
}

bool Replica::has_more() const {
  return impl_->connections.has_slices() || impl_->tree_in_slices();
}

void Replica::pump_more() {
  impl_->connections.tell_slice(impl_->ports.clients);
  impl_->connections.flush(impl_->ports.clients);
  if (impl_->tree_in_slices()) impl_->pump();
}

bool Replica::copy_tree(std::shared_ptr<TreeSink> sink) {
  Impl& impl = *impl_;
  const Zxid now = impl.tree.last_applied();
  const bool exact = impl.fuzzy_until() <= now;
  if (!impl.serving || impl.stopped || impl.installing || !exact) return false;
  impl.checkpoints.copy(std::move(sink), now, impl.last_tick_ms);
  return true;
}

void Replica::stop() {
  impl_->stopped = true;
  impl_->read_only = false;
  impl_->close_all_clients();
  if (impl_->arriving) impl_->drop_arriving();
  if (!impl_->installing) impl_->checkpoints.renew_at_once(impl_->tree, impl_->fuzzy_until());
  impl_->flush();
}

const consensus::Peer& Replica::peer() const {
  return impl_->peer;
}
const znode::DataTree& Replica::tree() const {
  return impl_->tree;
}
std::vector<znode::QuotaRow> Replica::quota_usage() const {
  return znode::quota_usage(impl_->tree);
}
const std::map<std::string, std::uint64_t>& Replica::quota_refusals() const {
  return impl_->quota_refusals;
}

}  // namespace quorate::server
