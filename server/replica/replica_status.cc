// What the replica tells about itself: srvr, mntr, dump.
#include <string>
#include <vector>

#include "server/replica/replica_impl.h"

namespace quorate::server {

ServerStatus Replica::Impl::status() const {
  ServerStatus out;
  out.serving = serving;
  if (serving) {
    bool leads = peer.role() == consensus::Role::Leading;
    out.mode = options.peer.standalone ? "standalone" : leads ? "leader" : "follower";
  }
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
  out.learners = peer.learners();
  out.synced_followers = peer.synced_followers();
  out.quorum_size = options.peer.ensemble.voter_count();
  const Statistics& s = statistics;
  out.packets_received = s.packets_received;
  out.packets_sent = connections.packets_sent();
  out.min_latency_ms = s.min_latency_ms;
  out.max_latency_ms = s.max_latency_ms;
  if (s.latencies > 0) {
    out.avg_latency_ms = static_cast<double>(s.total_latency_ms) / static_cast<double>(s.latencies);
  }
  out.proposals = s.proposals;
  out.commits = s.commits;
  out.digest_mismatches = s.digest_mismatches;
  out.elections = s.elections;
  out.last_proposal_size = s.last_proposal_size;
  out.min_proposal_size = s.min_proposal_size;
  out.max_proposal_size = s.max_proposal_size;
  out.uptime_ms = ports.clock.now_ms() - started_ms;
  return out;
}

std::string Replica::Impl::dump_sessions() const {
  std::string out = "Global Sessions(" + std::to_string(tree.sessions().size()) + "):\n";
  for (const auto& [id, timeout_ms] : tree.sessions()) {
    out += to_string(id) + '\t' + std::to_string(timeout_ms) + "ms\n";
  }
  std::vector<SessionId> owners = tree.sessions_with_ephemerals();
  out +=
      "ephemeral nodes dump:\nSessions with Ephemerals (" + std::to_string(owners.size()) + "):\n";
  for (SessionId owner : owners) {
    out += to_string(owner) + ":\n";
    for (const std::string& path : tree.ephemerals(owner)) out += '\t' + path + '\n';
  }
  return out;
}

}  // namespace quorate::server
