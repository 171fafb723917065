#include "server/admin/metric_table.h"

#include <sys/resource.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iterator>

#include "server/admin/version.h"

namespace quorate::server {
namespace {

using Status = const ServerStatus&;
using Source = AdminSource&;

template <class Number>
std::string text(Number value) {
  return std::to_string(value);
}

std::string open_descriptors() {
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) return "0";
  return text(std::distance(begin(entries), end(entries)));
}

std::string descriptor_limit() {
  rlimit limit{};
  return text(getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0);
}

constexpr auto kAlways = MetricScope::Always;
constexpr auto kEnsemble = MetricScope::Ensemble;
constexpr auto kLeader = MetricScope::Leader;

// clang-format off
const std::array kRows = {
    MetricRow{"version", kAlways, [](Status, Source) { return std::string(kVersionText); }, "Version and build date."},
    MetricRow{"server_state", kAlways, [](Status s, Source) { return s.mode; }, "standalone, leader or follower."},
    MetricRow{"peer_state", kEnsemble, [](Status s, Source) { return std::string(s.mode == "leader" ? "leading - broadcast" : "following - broadcast"); }, "Role and phase."},
    MetricRow{"avg_latency", kAlways, [](Status s, Source) { return average_text(s.avg_latency_ms); }, "Mean time of a request in ms."},
    MetricRow{"max_latency", kAlways, [](Status s, Source) { return text(s.max_latency_ms); }, "Longest time of a request in ms."},
    MetricRow{"min_latency", kAlways, [](Status s, Source) { return text(s.min_latency_ms); }, "Shortest time of a request in ms."},
    MetricRow{"packets_received", kAlways, [](Status s, Source) { return text(s.packets_received); }, "Packets from clients."},
    MetricRow{"packets_sent", kAlways, [](Status s, Source) { return text(s.packets_sent); }, "Packets to clients."},
    MetricRow{"num_alive_connections", kAlways, [](Status, Source a) { return text(a.connection_count()); }, "Client connections."},
    MetricRow{"outstanding_requests", kAlways, [](Status s, Source) { return text(s.outstanding); }, "Requests not yet answered."},
    MetricRow{"uptime", kAlways, [](Status s, Source) { return text(s.uptime_ms); }, "Since the start, in ms."},
    MetricRow{"znode_count", kAlways, [](Status s, Source) { return text(s.node_count); }, "Nodes in the tree."},
    MetricRow{"watch_count", kAlways, [](Status s, Source) { return text(s.watch_count); }, "Watches set."},
    MetricRow{"ephemerals_count", kAlways, [](Status s, Source) { return text(s.ephemeral_count); }, "Ephemeral nodes."},
    MetricRow{"approximate_data_size", kAlways, [](Status s, Source) { return text(s.approximate_data_size); }, "Bytes of paths and data."},
    MetricRow{"global_sessions", kAlways, [](Status s, Source) { return text(s.sessions); }, "Sessions of the ensemble."},
    MetricRow{"local_sessions", kAlways, [](Status, Source) { return std::string("0"); }, "Sessions of this server only."},
    MetricRow{"open_file_descriptor_count", kAlways, [](Status, Source) { return open_descriptors(); }, "Open descriptors."},
    MetricRow{"max_file_descriptor_count", kAlways, [](Status, Source) { return descriptor_limit(); }, "Limit of open descriptors."},
    MetricRow{"looking_count", kAlways, [](Status s, Source) { return text(s.elections); }, "Elections taken part in."},
    MetricRow{"proposal_count", kAlways, [](Status s, Source) { return text(s.proposals); }, "Proposals made."},
    MetricRow{"commit_count", kAlways, [](Status s, Source) { return text(s.commits); }, "Txns applied."},
    MetricRow{"digest_mismatches_count", kAlways, [](Status s, Source) { return text(s.digest_mismatches); }, "Txns after which the tree differed from the leader's."},
    MetricRow{"quorum_size", kEnsemble, [](Status s, Source) { return text(s.quorum_size); }, "Voting servers."},
    MetricRow{"learners", kLeader, [](Status s, Source) { return text(s.learners); }, "Servers connected to the leader."},
    // The name of 3.4 and 3.5, which old tools read (pitfalls 85).
    MetricRow{"followers", kLeader, [](Status s, Source) { return text(s.learners); }, "Servers connected to the leader."},
    MetricRow{"synced_followers", kLeader, [](Status s, Source) { return text(s.synced_followers); }, "Followers up to date."},
    MetricRow{"synced_non_voting_followers", kLeader, [](Status, Source) { return std::string("0"); }, "Non-voting followers up to date."},
    MetricRow{"synced_observers", kLeader, [](Status, Source) { return std::string("0"); }, "Observers up to date."},
    MetricRow{"pending_syncs", kLeader, [](Status, Source) { return std::string("0"); }, "Sync requests in work."},
    MetricRow{"last_proposal_size", kLeader, [](Status s, Source) { return text(s.last_proposal_size); }, "Bytes of the last proposal."},
    MetricRow{"max_proposal_size", kLeader, [](Status s, Source) { return text(s.max_proposal_size); }, "Bytes of the largest proposal."},
    MetricRow{"min_proposal_size", kLeader, [](Status s, Source) { return text(s.min_proposal_size); }, "Bytes of the smallest proposal."},
};
// clang-format on

}  // namespace

std::span<const MetricRow> metric_rows() {
  return kRows;
}

std::string average_text(double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.4f", std::isfinite(value) ? value : 0.0);
  std::string out = buffer;
  while (out.back() == '0' && out[out.size() - 2] != '.') out.pop_back();
  return out;
}

}  // namespace quorate::server
