// What the replica tells about itself: srvr, mntr, cons, dump, hash.
#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/replica/replica_impl.h"

namespace quorate::server {

namespace {
/// A list for an operator is bounded, so that no command holds the event loop for long: 100,000
/// lines take some ten milliseconds.
constexpr std::size_t kListMax = 100'000;
}  // namespace

ServerStatus Replica::Impl::status() const {
  ServerStatus out;
  out.serving = serving;
  const bool leads = peer.role() == consensus::Role::Leading;
  if (serving) out.mode = mode();
  if (read_only) out.mode = "read-only";
  out.read_only = read_only;
  out.shuns_clients = shuns_clients();
  out.local_sessions = local_sessions.size();
  if (!options.peer.standalone) out.zab_state = zab_state();
  out.self = options.peer.self;
  out.leader = peer.leader();
  out.last_applied = tree.last_applied();
  out.last_logged = peer.last_logged();
  out.accepted_epoch = peer.accepted_epoch();
  out.current_epoch = peer.current_epoch();
  out.node_count = tree.node_count();
  out.ephemeral_count = tree.ephemeral_count();
  out.approximate_data_size = tree.approximate_data_size();
  out.watch_count = watches.size();
  out.sessions = tree.sessions().size();
  out.outstanding = gate.outstanding();
  out.pending_syncs = gate.pending_syncs();
  const auto learners = peer.learner_counts();
  out.learners = learners.connected;
  out.synced_followers = learners.synced_followers;
  out.synced_observers = learners.synced_observers;
  out.synced_non_voting = learners.synced_non_voting;
  out.observers = peer.synced_observers();
  out.quorum_size = peer.membership().current().voter_count();
  const Statistics& s = statistics;
  out.packets_received = s.packets_received;
  out.packets_sent = connections.packets_sent();
  out.min_latency_ms = s.min_latency_ms;
  out.max_latency_ms = s.max_latency_ms;
  if (s.latencies > 0) {
    out.avg_latency_ms = static_cast<double>(s.total_latency_ms) / static_cast<double>(s.latencies);
  }
  out.proposals = s.proposals;
  out.digest_mismatches = metrics.digest_mismatches;
  if (s.proposals > 0) {
    out.last_proposal_size = static_cast<std::int64_t>(s.last_proposal_size);
    out.min_proposal_size = static_cast<std::int64_t>(s.min_proposal_size);
    out.max_proposal_size = static_cast<std::int64_t>(s.max_proposal_size);
  }
  out.now_ms = ports.clock.now_ms();
  out.wall_ms = ports.clock.wall_ms();
  out.uptime_ms = out.now_ms - started_ms;
  if (serving && leads) out.leader_uptime_ms = out.now_ms - since.leading;
  out.last_checkpoint = last_checkpoint;
  out.last_checkpoint_wall_ms = last_checkpoint_wall_ms;
  return out;
}

const char* Replica::Impl::mode() const {
  if (options.peer.standalone) return "standalone";
  switch (peer.role()) {
    case consensus::Role::Leading:
      return "leader";
    case consensus::Role::Observing:
      return "observer";
    default:
      return "follower";
  }
}

const char* Replica::Impl::zab_state() const {
  if (serving) return "broadcast";
  if (peer.role() == consensus::Role::Looking) return "election";
  return peer.leader() ? "synchronization" : "discovery";
}

std::vector<ConnectionStatus> Replica::Impl::connection_list() const {
  std::vector<ConnectionStatus> list;
  connections.for_each([&](const Connection& connection) {
    if (list.size() >= kListMax) return;
    const ConnectionStatistics& s = connection.statistics;
    ConnectionStatus one;
    one.id = connection.id;
    one.address = connection.identities.front().id;
    one.port = connection.port;
    one.secure = connection.secure;
    one.reading = !connection.paused;
    one.outstanding = connection.queue.size();
    one.received = s.received;
    one.sent = s.sent;
    if (connection.stage == Stage::Open) one.session = connection.session;
    one.last_op = static_cast<OpCode>(connection.last_op);
    one.established_ms = s.established_ms;
    one.timeout_ms = connection.timeout_ms;
    one.last_cxid = s.last_cxid;
    one.last_zxid = s.last_zxid;
    one.last_response_ms = s.last_response_ms;
    one.last_latency_ms = static_cast<std::int64_t>(s.last_latency_ms);
    one.min_latency_ms = s.min_latency_ms;
    one.avg_latency_ms =
        s.answered == 0 ? 0 : static_cast<std::int64_t>(s.total_latency_ms / s.answered);
    one.max_latency_ms = s.max_latency_ms;
    list.push_back(std::move(one));
  });
  return list;
}

// ---- The face
// ------------------------------------------------------------------------------------

ServerStatus Replica::status() const {
  return impl_->status();
}

const ReplicaMetrics& Replica::metrics() const {
  return impl_->metrics;
}

std::vector<ConnectionStatus> Replica::connection_list() const {
  return impl_->connection_list();
}

std::vector<SessionStatus> Replica::session_list() const {
  std::vector<SessionStatus> list;
  for (const auto& [id, timeout_ms] : impl_->tree.sessions()) {
    if (list.size() >= kListMax) break;
    list.push_back({id, timeout_ms, impl_->sessions.deadline(id)});
  }
  for (const auto& [id, timeout_ms] : impl_->local_sessions.list()) {
    if (list.size() >= kListMax) break;
    list.push_back({id, timeout_ms, impl_->local_sessions.deadline(id), /*local=*/true});
  }
  return list;
}

std::vector<SessionPaths> Replica::ephemerals() const {
  std::vector<SessionPaths> list;
  std::size_t lines = 0;
  for (SessionId owner : impl_->tree.sessions_with_ephemerals()) {
    SessionPaths one{owner, {}};
    for (const std::string& path : impl_->tree.ephemerals(owner)) {
      if (++lines > kListMax) return list;
      one.paths.push_back(path);
    }
    list.push_back(std::move(one));
  }
  return list;
}

znode::WatchSummary Replica::watch_summary() const {
  return impl_->watches.data_summary();
}

std::vector<SessionPaths> Replica::watches_by_session() const {
  std::map<SessionId, std::vector<std::string>> by_session;
  std::size_t lines = 0;
  impl_->watches.for_each_data_watch([&](ConnectionId id, std::string_view path) {
    if (++lines > kListMax) return;
    const Connection* connection = impl_->connections.find(id);
    if (connection != nullptr) by_session[connection->session].emplace_back(path);
  });
  std::vector<SessionPaths> list;
  for (auto& [session, paths] : by_session) {
    std::sort(paths.begin(), paths.end());
    list.push_back({session, std::move(paths)});
  }
  return list;
}

std::vector<DigestStatus> Replica::digests() const {
  return {impl_->digests.begin(), impl_->digests.end()};
}

void Replica::reset_statistics() {
  impl_->statistics = {};
  impl_->metrics = {};
  impl_->connections.reset_statistics();
}

void Replica::reset_connection_statistics() {
  impl_->connections.reset_connection_statistics();
}

}  // namespace quorate::server
