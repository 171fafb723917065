#include "server/replica/replica.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/ensure.h"
#include "server/replica/replica_impl.h"
#include "znode/snapshot.h"

namespace quorate::server {

namespace {

constexpr Zxid kFuzzyToTheEnd{INT64_MAX};
constexpr std::size_t kLaggingSlices = 4;
/// What has arrived of a tree goes to the disk in pieces of about this size: below the one from
/// which on the heap asks the system for each.
constexpr std::size_t kPackBytes = 192u << 10;
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

std::string config_of(const znode::DataTree& tree) {
  const znode::Node* node = tree.find("/zookeeper/config");
  return node == nullptr ? std::string() : std::string(node->data().value_or(std::string_view()));
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
  } else if (txn.type == OpCode::CloseSession) {
    sessions.closed(txn.client_id);
  }
}

// ---- Leader
// --------------------------------------------------------------------------------------

void Replica::Impl::answer_revalidation(const consensus::Revalidation& revalidation) {
  ++metrics.revalidations;
  SessionId session = revalidation.question.session;
  bool valid = proposer && proposer->session_alive(session);
  if (valid) {
    sessions.own(session, revalidation.link);
    sessions.touch(session, revalidation.question.timeout_ms, ports.clock.now_ms());
  }
  peer.step(consensus::AnswerRevalidate{revalidation.link, session, valid});
}

void Replica::Impl::propose_waiting() {
  if (!proposer || waiting_requests.empty()) return;
  // For all that wait: nothing of them reaches the disk before this returns.
  if (!ports.disk.has_room()) return;
  const std::int64_t wall_ms = turn_wall_ms();
  while (!waiting_requests.empty() && peer.may_propose()) {
    consensus::Request request = std::move(waiting_requests.front());
    waiting_requests.pop_front();
    if (!request.origin && submitted_writes > 0) --submitted_writes;
    // A request is a sign of life too: its learner may die before its next PING reply (R58). An own
    // client was heard when it came.
    if (request.origin) {
      auto timeout_ms = tree.sessions().find(request.session);
      if (timeout_ms) sessions.touch(request.session, *timeout_ms, turn_ms());
    }
    ++metrics.prepared;
    propose(proposer->prepare(request, peer.next_zxid(), wall_ms));
    note_quota();
    if (planner.refused()) {
      ports.observer.note('W', "reconfig refused session=" + to_string(request.session) +
                                   " reason=\"" + planner.take_refusal() + '"');
    }
  }
}

void Replica::Impl::propose(consensus::LogRecord record) {
  std::uint64_t size = record.bytes.size();
  Statistics& s = statistics;
  s.min_proposal_size = s.proposals == 0 ? size : std::min(s.min_proposal_size, size);
  s.max_proposal_size = std::max(s.max_proposal_size, size);
  s.last_proposal_size = size;
  ++s.proposals;
  if (!options.peer.standalone) ++metrics.proposals;
  peer.step(consensus::Propose{std::move(record)});
}

void Replica::Impl::expire_sessions() {
  if (!proposer || stopped) return;
  for (SessionId session : sessions.take_expired(last_tick_ms)) {
    if (!proposer->session_alive(session)) continue;
    if (!waiting_requests.empty() || !peer.may_propose()) {
      sessions.expire_later(session, last_tick_ms);
      continue;
    }
    expire(session);
  }
}

void Replica::Impl::expire(SessionId session) {
  ++metrics.sessions_expired;
  ports.observer.note('I', "session expired session=" + to_string(session));
  propose(proposer->prepare_expiry(session, peer.next_zxid(), ports.clock.wall_ms()));
}

/// One delete at a time, behind whatever clients wait for; a node that is in use again is passed
/// over without a txn.
void Replica::Impl::reap() {
  if (!proposer || stopped) return;
  reaper.tick(tree, last_tick_ms, ports.clock.wall_ms());
  while (const std::string* path = reaper.due(last_tick_ms)) {
    if (!waiting_requests.empty() || !peer.may_propose()) return;
    auto record =
        proposer->prepare_reap(*path, reaper.rules(), peer.next_zxid(), ports.clock.wall_ms());
    reaper.taken(last_tick_ms);
    if (!record) continue;
    REACHED("node reaped");
    propose(std::move(*record));
  }
}

/// Clients can go beyond a quota as often as they like; the log hears of it now and then.
void Replica::Impl::note_quota() {
  constexpr std::int64_t kIntervalMs = 10000;
  constexpr std::size_t kNamesMax = 256;
  std::optional<znode::QuotaNote> note = proposer->take_quota_note();
  if (!note) return;
  const bool known = quota_refusals.contains(note->name);
  if (note->refused && (known || quota_refusals.size() < kNamesMax)) ++quota_refusals[note->name];
  ++quota_untold;
  const std::int64_t now_ms = ports.clock.now_ms();
  if (quota_told_ms != 0 && now_ms - quota_told_ms < kIntervalMs) return;
  ports.observer.note('W', note->text + " times=" + std::to_string(quota_untold));
  quota_told_ms = now_ms;
  quota_untold = 0;
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
  show_members();
  // What was proposed before UPTODATE is all in the log now: behind it every txn is exact.
  recovered_fuzzy_until = std::min(recovered_fuzzy_until, peer.last_logged());
  if (peer.role() != consensus::Role::Leading) return;
  submitted_writes = 0;
  sessions.lead(tree.sessions(), ports.clock.now_ms());
  proposer.emplace(tree, write_ops, sessions, options.peer.max_field);
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
  reported.clear();
}

// ---- Links and trees
// -----------------------------------------------------------------------------

void Replica::Impl::on_link_bytes(LinkId link, ByteView bytes) {
  auto at = links.find(link);
  if (at == links.end()) return;
  at->second.heard_ms = last_tick_ms;
  auto on_packet = [this, link](consensus::QuorumPacket packet) {
    peer.step(consensus::QuorumMessage{link, std::move(packet)});
  };
  ErrorCode fault = at->second.stream.feed(bytes, on_packet);
  if (!fault) return;
  ports.observer.note('W', "link closed, malformed bytes link=" + to_string(link) + " error=\"" +
                               fault.message() + '"');
  drop_link(link);
  links_to_close.push_back(link);
}

void Replica::Impl::drop_link(LinkId link) {
  checkpoints.drop(link);
  if (arriving && arriving->link == link) drop_arriving();
  auto at = links.find(link);
  if (at == links.end()) return;
  std::optional<Zxid> awaited = at->second.stream.awaited_tree();
  links.erase(at);
  // Consensus waits for the tree of each SNAP it has seen, also when it will never come.
  if (awaited) peer.step(consensus::SnapshotInstalled{link, *awaited, /*ok=*/false});
}

/// Consensus hears nothing while a tree arrives, so its time limit is kept here.
void Replica::Impl::close_silent_trees() {
  std::int64_t limit_ms = options.peer.init_limit * options.peer.tick_time_ms;
  std::vector<LinkId> silent;
  for (const auto& [id, link] : links) {
    if (link.stream.awaited_tree() && last_tick_ms - link.heard_ms > limit_ms) silent.push_back(id);
  }
  for (LinkId link : silent) {
    ports.observer.note('W', "link closed, tree stopped arriving link=" + to_string(link));
    drop_link(link);
    links_to_close.push_back(link);
  }
}

/// A tree goes to the disk while it arrives, so that behind its end little is left to be waited
/// for. Where the disk falls behind, nodes are left out here and written when the tree is whole.
/// Runs after all that consensus asked for: a tree on a link that it wanted closed is gone by now.
void Replica::Impl::install_arriving() {
  if (installing || restoring || stopped) return;
  for (auto& [id, link] : links) {
    if (!link.stream.tree_arrives() || (arriving && arriving->link != id)) continue;
    if (!arriving) arriving.emplace(Arriving{id});
    const znode::PortionLimit& slice = options.install_slice;
    const bool lags = disk_lags();
    link.stream.pack_nodes(!lags);
    const znode::EntryPack& pack = link.stream.pack();
    if (lags || (pack.bytes() < kPackBytes && pack.count() < slice.nodes)) continue;
    znode::CheckpointBatch portion;
    portion.zxid = link.stream.tree_zxid();
    portion.pack = link.stream.take_pack();
    portion.bytes = portion.pack.bytes();
    portion.from_scratch = true;
    portion.begins = !std::exchange(arriving->begun, true);
    portion.ends = false;
    ports.disk.install(id, std::move(portion));
  }
}

/// So much of a received tree waits to be written that no more of it is encoded.
bool Replica::Impl::disk_lags() const {
  return ports.disk.checkpoint_backlog() >= kLaggingSlices * options.install_slice.bytes;
}

/// It will never be whole.
void Replica::Impl::drop_arriving() {
  if (arriving->begun) ports.disk.drop_install(arriving->link);
  arriving.reset();
}

void Replica::Impl::start_install() {
  for (auto& [id, link] : links) {
    if (installing) return;
    if (arriving && arriving->link != id) continue;
    std::optional<LinkStream::ReceivedTree> received = link.stream.take_tree();
    if (!received) continue;
    const bool begun = arriving && arriving->begun;
    arriving.reset();
    installing.emplace(Install{id, std::move(received->tree), received->fuzzy_until, begun});
    if (!received->pack.empty()) {
      znode::CheckpointBatch portion;
      portion.zxid = received->zxid;
      portion.pack = std::move(received->pack);
      portion.bytes = portion.pack.bytes();
      portion.from_scratch = true;
      portion.ends = false;
      hand_over(std::move(portion));
    }
    // If the tree is a ZooKeeper leader's it is fuzzy, and how far is known at UPTODATE only.
    // Should this process end before its next checkpoint, begin_service() of the next one sets the
    // end.
    if (received->packed) {
      znode::begin_rest_of_checkpoint(installing->tree, kFuzzyToTheEnd);
    } else {
      znode::begin_checkpoint(installing->tree, kFuzzyToTheEnd, /*from_scratch=*/true);
    }
    continue_install();
  }
}

void Replica::Impl::hand_over(znode::CheckpointBatch portion) {
  portion.begins = !std::exchange(installing->begun, true);
  ports.disk.install(installing->link, std::move(portion));
}

/// The disk sets the pace: a portion when the one before has been written.
void Replica::Impl::continue_install() {
  if (!znode::checkpoint_under_way(installing->tree)) return;
  if (disk_lags()) return;
  hand_over(znode::next_portion(installing->tree, options.install_slice));
}

/// A whole tree is on its way, to or from a learner: the next slice need not wait for a tick.
bool Replica::Impl::tree_in_slices() const {
  if (arriving && arriving->begun) return false;
  if (!installing) return !stopped && checkpoints.hurries(tree);
  return znode::checkpoint_under_way(installing->tree) && !disk_lags();
}

void Replica::Impl::on_installed(LinkId link, Zxid zxid, bool ok) {
  if (!ok && arriving && arriving->link == link) {
    // The disk has dropped it by itself.
    arriving->begun = false;
    drop_link(link);
    links_to_close.push_back(link);
    return;
  }
  if (!installing || installing->link != link) return;
  if (ends_restore(link, zxid, ok)) return;
  Install install = *std::exchange(installing, std::nullopt);
  // Also when the link has ended meanwhile: the disk holds this tree and no log now, and memory
  // must not differ from it (hazard R8).
  if (ok) {
    end_read_only();
    tree = std::move(install.tree);
    diverged = proven = false;
    recovered_fuzzy_until = install.fuzzy_until;
    checkpoints.replaced(zxid);
  }
  peer.step(consensus::SnapshotInstalled{link, zxid, ok, ok ? config_of(tree) : std::string()});
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
  impl.tend_read_only(slept);
  impl.close_sessionless();
  impl.close_silent_trees();
}

bool Replica::expire_session(SessionId session) {
  Impl& impl = *impl_;
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
