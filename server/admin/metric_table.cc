#include "server/admin/metric_table.h"

#include <cmath>
#include <cstdio>
#include <utility>

#include "server/admin/process.h"
#include "server/admin/version.h"

namespace quorate::server {
namespace {

using Facts = const AdminFacts&;
using Metrics = const ServerMetrics&;

template <class Number>
std::int64_t whole(Number value) {
  return static_cast<std::int64_t>(value);
}

std::string peer_state(const ServerStatus& status) {
  if (status.zab_state == "election") return "looking";
  return (status.mode == "leader" ? "leading - " : "following - ") + status.zab_state;
}

constexpr auto kAlways = MetricScope::Always;
constexpr auto kEnsemble = MetricScope::Ensemble;
constexpr auto kLeader = MetricScope::Leader;
constexpr auto kBasic = SummaryKind::Basic;
constexpr auto kAdvanced = SummaryKind::Advanced;
constexpr const char* kNoStage = "A stage of ZooKeeper's pipeline that this server does not have.";

MetricRow gauge(const char* name, MetricScope scope, GaugeOf of, const char* help) {
  return {name, scope, of, help};
}
MetricRow counter(const char* name, CounterOf of, const char* help) {
  return {name, kAlways, of, help};
}
MetricRow summary(const char* name, SummaryKind kind, SummaryOf of, const char* help,
                  int divisor = 1) {
  return {name, kAlways, SummaryRow{kind, of, divisor}, help};
}
MetricRow tallies(const char* name, TalliesOf of, const char* help) {
  return {name, kAlways, of, help};
}

constexpr CounterOf kZero = [](Metrics) -> std::uint64_t { return 0; };

// clang-format off
const MetricRow kRows[] = {
    gauge("version", kAlways, [](Facts) -> MetricValue { return std::string(kVersionText); }, "Version and build date."),
    gauge("server_state", kAlways, [](Facts f) -> MetricValue { return f.status.mode; }, "standalone, leader, follower, observer or read-only."),
    gauge("peer_state", kEnsemble, [](Facts f) -> MetricValue { return peer_state(f.status); }, "Role and phase."),
    gauge("ephemerals_count", kAlways, [](Facts f) -> MetricValue { return whole(f.status.ephemeral_count); }, "Ephemeral nodes."),
    gauge("num_alive_connections", kAlways, [](Facts f) -> MetricValue { return whole(f.connection_count); }, "Client connections."),
    gauge("avg_latency", kAlways, [](Facts f) -> MetricValue { return f.status.avg_latency_ms; }, "Mean time of a request in ms."),
    gauge("outstanding_requests", kAlways, [](Facts f) -> MetricValue { return whole(f.status.outstanding); }, "Requests not yet answered."),
    gauge("znode_count", kAlways, [](Facts f) -> MetricValue { return whole(f.status.node_count); }, "Nodes in the tree."),
    gauge("global_sessions", kAlways, [](Facts f) -> MetricValue { return whole(f.status.sessions); }, "Sessions of the ensemble."),
    gauge("non_mtls_remote_conn_count", kAlways, [](Facts) -> MetricValue { return whole(0); }, "TLS connections from other machines without a client certificate."),
    gauge("last_client_response_size", kAlways, [](Facts f) -> MetricValue { return f.metrics->replica.last_response_bytes; }, "Bytes of the last response; -1: none."),
    gauge("packets_sent", kAlways, [](Facts f) -> MetricValue { return whole(f.status.packets_sent); }, "Packets to clients."),
    gauge("packets_received", kAlways, [](Facts f) -> MetricValue { return whole(f.status.packets_received); }, "Packets from clients."),
    gauge("max_client_response_size", kAlways, [](Facts f) -> MetricValue { return f.metrics->replica.max_response_bytes; }, "Bytes of the largest response; -1: none."),
    gauge("connection_drop_probability", kAlways, [](Facts) -> MetricValue { return 0.0; }, "Connection throttling; none here."),
    gauge("watch_count", kAlways, [](Facts f) -> MetricValue { return whole(f.status.watch_count); }, "Watches set."),
    gauge("auth_failed_count", kAlways, [](Facts f) -> MetricValue { return whole(f.metrics->replica.auth_failures); }, "Failed authentications."),
    gauge("min_latency", kAlways, [](Facts f) -> MetricValue { return f.status.min_latency_ms; }, "Shortest time of a request in ms."),
    gauge("max_file_descriptor_count", kAlways, [](Facts) -> MetricValue { return descriptor_limit(); }, "Limit of open descriptors."),
    gauge("approximate_data_size", kAlways, [](Facts f) -> MetricValue { return f.status.approximate_data_size; }, "Bytes of paths and data."),
    gauge("open_file_descriptor_count", kAlways, [](Facts) -> MetricValue { return open_descriptors(); }, "Open descriptors."),
    gauge("local_sessions", kAlways, [](Facts f) -> MetricValue { return whole(f.status.local_sessions); }, "Sessions of this server only."),
    gauge("uptime", kAlways, [](Facts f) -> MetricValue { return f.status.uptime_ms; }, "Since the start, in ms."),
    gauge("max_latency", kAlways, [](Facts f) -> MetricValue { return f.status.max_latency_ms; }, "Longest time of a request in ms."),
    gauge("outstanding_tls_handshake", kAlways, [](Facts) -> MetricValue { return whole(0); }, "TLS handshakes under way."),
    gauge("min_client_response_size", kAlways, [](Facts f) -> MetricValue { return f.metrics->replica.min_response_bytes; }, "Bytes of the smallest response; -1: none."),
    gauge("non_mtls_local_conn_count", kAlways, [](Facts) -> MetricValue { return whole(0); }, "TLS connections from this machine without a client certificate."),
    gauge("quorum_size", kEnsemble, [](Facts f) -> MetricValue { return whole(f.status.quorum_size); }, "Voting servers."),
    // The name of 3.5, which old tools read.
    gauge("fsync_threshold_exceed_count", kAlways, [](Facts f) -> MetricValue { return whole(f.status.slow_syncs); }, "Syncs of the log above fsync.warningthresholdms."),
    gauge("synced_followers", kLeader, [](Facts f) -> MetricValue { return whole(f.status.synced_followers); }, "Followers up to date."),
    gauge("synced_non_voting_followers", kLeader, [](Facts f) -> MetricValue { return whole(f.status.synced_non_voting); }, "Non-voting followers up to date."),
    gauge("synced_observers", kLeader, [](Facts f) -> MetricValue { return whole(f.status.synced_observers); }, "Observers up to date."),
    gauge("pending_syncs", kLeader, [](Facts f) -> MetricValue { return whole(f.status.pending_syncs); }, "Sync requests in work."),
    gauge("learners", kLeader, [](Facts f) -> MetricValue { return whole(f.status.learners); }, "Servers connected to the leader."),
    gauge("followers", kLeader, [](Facts f) -> MetricValue { return whole(f.status.learners); }, "As learners: the name of 3.4 and 3.5, which old tools read (pitfalls 85)."),
    gauge("leader_uptime", kLeader, [](Facts f) -> MetricValue { return f.status.leader_uptime_ms; }, "Since this server leads, in ms."),
    gauge("last_proposal_size", kLeader, [](Facts f) -> MetricValue { return f.status.last_proposal_size; }, "Bytes of the last proposal; -1: none."),
    gauge("max_proposal_size", kLeader, [](Facts f) -> MetricValue { return f.status.max_proposal_size; }, "Bytes of the largest proposal; -1: none."),
    gauge("min_proposal_size", kLeader, [](Facts f) -> MetricValue { return f.status.min_proposal_size; }, "Bytes of the smallest proposal; -1: none."),
    counter("watch_bytes", [](Metrics m) -> std::uint64_t { return m.replica.watch_bytes; }, "Bytes of watch events sent."),
    counter("stale_requests_dropped", kZero, kNoStage),
    counter("throttled_ops", kZero, kNoStage),
    counter("insecure_admin_count", kZero, kNoStage),
    counter("connection_rejected", [](Metrics m) -> std::uint64_t { return m.connections_rejected; }, "Connections refused at a limit."),
    counter("sessionless_connections_expired", [](Metrics m) -> std::uint64_t { return m.replica.sessionless_expired; }, "Connections that never sent a handshake."),
    counter("dead_watchers_queued", kZero, kNoStage),
    counter("stale_requests", kZero, kNoStage),
    counter("connection_drop_count", [](Metrics m) -> std::uint64_t { return m.replica.connections_dropped; }, "Connections that ended from the client's side."),
    counter("response_packet_cache_hits", kZero, kNoStage),
    counter("bytes_received_count", [](Metrics m) -> std::uint64_t { return m.replica.bytes_received; }, "Bytes of requests."),
    counter("add_dead_watcher_stall_time", kZero, kNoStage),
    counter("request_throttle_wait_count", [](Metrics m) -> std::uint64_t { return m.replica.throttled; }, "How often a connection was not read for a while, at a limit."),
    counter("requests_not_forwarded_to_commit_processor", kZero, kNoStage),
    counter("response_packet_cache_misses", kZero, kNoStage),
    counter("prep_processor_request_queued", [](Metrics m) -> std::uint64_t { return m.replica.prepared; }, "Requests turned into txns by this server."),
    counter("stale_replies", kZero, kNoStage),
    counter("response_bytes", [](Metrics m) -> std::uint64_t { return m.replica.response_bytes; }, "Bytes of answers."),
    counter("ensemble_auth_fail", kZero, kNoStage),
    counter("diff_count", [](Metrics m) -> std::uint64_t { return m.replica.diffs_sent; }, "Learners synced by a part of the log."),
    counter("connection_revalidate_count", [](Metrics m) -> std::uint64_t { return m.replica.connection_revalidations; }, "Reconnects of clients to their session."),
    counter("quit_leading_due_to_disloyal_voter", kZero, kNoStage),
    counter("unrecoverable_error_count", kZero, "Errors that end the process: always 0 while it lives."),
    counter("unsuccessful_handshake", [](Metrics m) -> std::uint64_t { return m.failed_handshakes; }, "TLS handshakes of clients that failed."),
    counter("commit_count", [](Metrics m) -> std::uint64_t { return m.replica.commits; }, "Txns committed by this leader."),
    counter("outstanding_changes_queued", [](Metrics m) -> std::uint64_t { return m.replica.prepared; }, "Changes that waited for their commit."),
    counter("request_commit_queued", [](Metrics m) -> std::uint64_t { return m.replica.learner_commits + m.replica.commits; }, "Commits handed on."),
    counter("ensemble_auth_skip", kZero, kNoStage),
    counter("skip_learner_request_to_next_processor_count", kZero, kNoStage),
    counter("proposal_count", [](Metrics m) -> std::uint64_t { return m.replica.proposals; }, "Proposals of this leader."),
    counter("large_requests_rejected", [](Metrics m) -> std::uint64_t { return m.replica.large_requests_refused; }, "Requests refused for their size."),
    counter("outstanding_changes_removed", [](Metrics m) -> std::uint64_t { return m.replica.prepared; }, "Changes whose commit has come."),
    counter("restore_error_count", [](Metrics m) -> std::uint64_t { return m.commands.restore_errors; }, "Commands restore that failed."),
    counter("cnxn_closed_without_zk_server_running", kZero, kNoStage),
    counter("looking_count", [](Metrics m) -> std::uint64_t { return m.replica.elections; }, "Elections taken part in."),
    counter("snapshot_rate_limited_count", [](Metrics m) -> std::uint64_t { return m.commands.snapshots_limited; }, "Commands snapshot refused because they came too soon."),
    counter("learner_proposal_received_count", [](Metrics m) -> std::uint64_t { return m.replica.learner_proposals; }, "Proposals received from a leader."),
    counter("digest_mismatches_count", [](Metrics m) -> std::uint64_t { return m.replica.digest_mismatches; }, "Txns after which the tree differed from the leader's."),
    counter("dead_watchers_cleared", kZero, kNoStage),
    counter("ensemble_auth_success", kZero, kNoStage),
    counter("learner_commit_received_count", [](Metrics m) -> std::uint64_t { return m.replica.learner_commits; }, "Commits received from a leader."),
    counter("snapshot_error_count", [](Metrics m) -> std::uint64_t { return m.commands.snapshot_errors; }, "Commands snapshot that failed."),
    counter("connection_request_count", [](Metrics m) -> std::uint64_t { return m.replica.connection_requests; }, "Handshakes of clients."),
    counter("response_packet_get_children_cache_misses", kZero, kNoStage),
    counter("snap_count", [](Metrics m) -> std::uint64_t { return m.replica.snaps_sent; }, "Learners synced by a whole tree."),
    counter("stale_sessions_expired", [](Metrics m) -> std::uint64_t { return m.replica.sessions_expired; }, "Sessions expired by this server."),
    counter("restore_rate_limited_count", [](Metrics m) -> std::uint64_t { return m.commands.restores_limited; }, "Commands restore refused because they came too soon."),
    counter("response_packet_get_children_cache_hits", kZero, kNoStage),
    counter("sync_processor_request_queued", [](Metrics m) -> std::uint64_t { return m.replica.logged; }, "Records given to the log."),
    counter("tls_handshake_exceeded", kZero, kNoStage),
    counter("revalidate_count", [](Metrics m) -> std::uint64_t { return m.replica.revalidations; }, "Sessions a leader was asked about by its learners."),
    summary("socket_closing_time", kBasic, nullptr, kNoStage),
    summary("proposal_process_time", kBasic, nullptr, kNoStage),
    summary("leader_unavailable_time", kBasic, [](Metrics m) { return &m.replica.leader_unavailable_time; }, "ms from losing service to leading."),
    summary("node_created_watch_count", kBasic, [](Metrics m) { return &m.replica.created_watches; }, "Watchers told of a creation."),
    summary("session_queues_drained", kBasic, nullptr, kNoStage),
    summary("write_commit_proc_req_queued", kBasic, nullptr, kNoStage),
    summary("connection_token_deficit", kBasic, nullptr, kNoStage),
    summary("read_commit_proc_req_queued", kBasic, nullptr, kNoStage),
    summary("node_deleted_watch_count", kBasic, [](Metrics m) { return &m.replica.deleted_watches; }, "Watchers told of a deletion."),
    summary("startup_txns_load_time", kBasic, nullptr, kNoStage),
    summary("sync_processor_queue_size", kBasic, nullptr, kNoStage),
    summary("follower_sync_time", kBasic, [](Metrics m) { return &m.replica.follower_sync_time; }, "ms a follower took to be synced."),
    summary("prep_processor_queue_size", kBasic, nullptr, kNoStage),
    summary("fsynctime", kBasic, [](Metrics m) { return &m.fsync_us; }, "ms a group of records took to reach the disk.", 1000),
    summary("inflight_snap_count", kBasic, nullptr, kNoStage),
    summary("reads_issued_from_session_queue", kBasic, nullptr, kNoStage),
    summary("restore_time", kBasic, [](Metrics m) { return &m.commands.restore_ms; }, "ms a restored tree took to be checked and written."),
    summary("learner_request_processor_queue_size", kBasic, nullptr, kNoStage),
    summary("snapshottime", kBasic, [](Metrics m) { return &m.replica.snapshot_time; }, "ms the checkpoint took to be renewed."),
    summary("unavailable_time", kBasic, [](Metrics m) { return &m.replica.unavailable_time; }, "ms from losing service to serving."),
    summary("startup_txns_loaded", kBasic, [](Metrics m) { return &m.startup.txns; }, "Log records read at start."),
    summary("reads_after_write_in_session_queue", kBasic, nullptr, kNoStage),
    summary("requests_in_session_queue", kBasic, nullptr, kNoStage),
    summary("write_commit_proc_issued", kBasic, nullptr, kNoStage),
    summary("prep_process_time", kBasic, nullptr, kNoStage),
    summary("pending_session_queue_size", kBasic, nullptr, kNoStage),
    summary("time_waiting_empty_pool_in_commit_processor_read_ms", kBasic, nullptr, kNoStage),
    summary("commit_process_time", kBasic, nullptr, kNoStage),
    summary("dbinittime", kBasic, [](Metrics m) { return &m.startup.ms; }, "ms to read the data at start."),
    summary("inflight_diff_count", kBasic, nullptr, kNoStage),
    summary("netty_queued_buffer_capacity", kBasic, nullptr, kNoStage),
    summary("election_time", kBasic, [](Metrics m) { return &m.replica.election_time; }, "ms an election took."),
    summary("commit_commit_proc_req_queued", kBasic, nullptr, kNoStage),
    summary("sync_processor_batch_size", kBasic, nullptr, kNoStage),
    summary("node_children_watch_count", kBasic, [](Metrics m) { return &m.replica.children_watches; }, "Watchers told of changed children."),
    summary("write_batch_time_in_commit_processor", kBasic, nullptr, kNoStage),
    summary("read_commit_proc_issued", kBasic, nullptr, kNoStage),
    summary("concurrent_request_processing_in_commit_processor", kBasic, nullptr, kNoStage),
    summary("observer_sync_time", kBasic, nullptr, kNoStage),
    summary("node_changed_watch_count", kBasic, [](Metrics m) { return &m.replica.changed_watches; }, "Watchers told of changed data."),
    summary("sync_process_time", kBasic, nullptr, kNoStage),
    summary("startup_snap_load_time", kBasic, nullptr, kNoStage),
    summary("prep_processor_queue_time_ms", kAdvanced, nullptr, kNoStage),
    summary("close_session_prep_time", kAdvanced, nullptr, kNoStage),
    summary("read_commitproc_time_ms", kAdvanced, nullptr, kNoStage),
    summary("updatelatency", kAdvanced, [](Metrics m) { return &m.replica.update_latency; }, "ms from a write's arrival to its answer."),
    summary("local_write_committed_time_ms", kAdvanced, nullptr, kNoStage),
    summary("request_throttle_queue_time_ms", kAdvanced, nullptr, kNoStage),
    summary("readlatency", kAdvanced, [](Metrics m) { return &m.replica.read_latency; }, "ms from a read's arrival to its answer."),
    summary("quorum_ack_latency", kAdvanced, [](Metrics m) { return &m.replica.quorum_ack_latency; }, "Leader: ms from proposal to a quorum's acknowledgements."),
    summary("om_commit_process_time_ms", kAdvanced, nullptr, kNoStage),
    summary("read_final_proc_time_ms", kAdvanced, nullptr, kNoStage),
    summary("commit_propagation_latency", kAdvanced, [](Metrics m) { return &m.replica.commit_propagation_latency; }, "Learner: ms from proposal to commit."),
    summary("dead_watchers_cleaner_latency", kAdvanced, nullptr, kNoStage),
    summary("write_final_proc_time_ms", kAdvanced, nullptr, kNoStage),
    summary("proposal_ack_creation_latency", kAdvanced, nullptr, kNoStage),
    summary("proposal_latency", kAdvanced, [](Metrics m) { return &m.replica.proposal_latency; }, "Learner: ms from proposal to its arrival."),
    summary("om_proposal_process_time_ms", kAdvanced, nullptr, kNoStage),
    summary("sync_processor_queue_and_flush_time_ms", kAdvanced, nullptr, kNoStage),
    summary("propagation_latency", kAdvanced, [](Metrics m) { return &m.replica.propagation_latency; }, "ms from proposal to apply on this server."),
    summary("server_write_committed_time_ms", kAdvanced, nullptr, kNoStage),
    summary("sync_processor_queue_time_ms", kAdvanced, nullptr, kNoStage),
    summary("sync_processor_queue_flush_time_ms", kAdvanced, [](Metrics m) { return &m.fsync_us; }, "ms a group of records took to reach the disk.", 1000),
    summary("write_commitproc_time_ms", kAdvanced, nullptr, kNoStage),
    tallies("read_per_namespace", [](Metrics m) -> const NamespaceTallies& { return m.replica.reads; }, "Bytes of path and answer of reads, by the first part of the path."),
    tallies("write_per_namespace", [](Metrics m) -> const NamespaceTallies& { return m.replica.writes; }, "Bytes of path and data of writes, by the first part of the path."),
};
// clang-format on

/// One value in the unit shown; rounded to the nearest.
std::int64_t scaled(std::int64_t value, int divisor) {
  return (value + divisor / 2) / divisor;
}

using Lines = std::vector<MetricLine>;

void add_tally(Lines& out, const std::string& name, const Tally& tally, int divisor) {
  out.push_back({"avg_" + name, tally.average() / divisor});
  out.push_back({"min_" + name, scaled(tally.min, divisor)});
  out.push_back({"max_" + name, scaled(tally.max, divisor)});
  out.push_back({"cnt_" + name, whole(tally.count)});
  out.push_back({"sum_" + name, scaled(tally.sum, divisor)});
}

void add_summary(Lines& out, const std::string& name, const SummaryRow& row, Metrics metrics) {
  static const Summary kNone;
  const Summary& summary = row.of == nullptr ? kNone : *row.of(metrics);
  add_tally(out, name, summary, row.divisor);
  if (row.kind != SummaryKind::Advanced) return;
  for (const auto& [label, share] : {std::pair{"p50_", 0.5}, std::pair{"p95_", 0.95},
                                     std::pair{"p99_", 0.99}, std::pair{"p999_", 0.999}}) {
    out.push_back({label + name, scaled(summary.quantile(share), row.divisor)});
  }
}

void add_quotas(Lines& out, Facts facts) {
  for (const znode::QuotaRow& quota : facts.quotas) {
    const std::string start = quota.name + "_quota_";
    out.push_back({start + "count_limit_per_namespace", quota.count_limit});
    out.push_back({start + "bytes_limit_per_namespace", quota.bytes_limit});
    out.push_back({start + "count_usage_per_namespace", quota.count});
    out.push_back({start + "bytes_usage_per_namespace", quota.bytes});
  }
  for (const auto& [name, count] : facts.quota_refusals) {
    out.push_back({name + "_quota_exceeded_error_per_namespace", whole(count)});
  }
}

}  // namespace

std::span<const MetricRow> metric_rows() {
  return kRows;
}

bool is_shown(const MetricRow& row, const AdminFacts& facts, bool standalone) {
  if (row.scope == MetricScope::Always) return true;
  if (standalone) return false;
  return row.scope == MetricScope::Ensemble || facts.status.mode == "leader";
}

std::vector<MetricLine> metric_lines(const AdminFacts& facts, bool standalone) {
  Lines out;
  for (const MetricRow& row : metric_rows()) {
    if (!is_shown(row, facts, standalone)) continue;
    if (const auto* of = std::get_if<GaugeOf>(&row.source)) {
      out.push_back({row.name, (*of)(facts)});
    } else if (const auto* count = std::get_if<CounterOf>(&row.source)) {
      out.push_back({row.name, whole((*count)(*facts.metrics))});
    } else if (const auto* one = std::get_if<SummaryRow>(&row.source)) {
      add_summary(out, row.name, *one, *facts.metrics);
    } else {
      for (const auto& [key, tally] : std::get<TalliesOf>(row.source)(*facts.metrics).rows()) {
        add_tally(out, key + '_' + row.name, tally, /*divisor=*/1);
      }
    }
  }
  add_quotas(out, facts);
  return out;
}

std::string average_text(double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.4f", std::isfinite(value) ? value : 0.0);
  std::string out = buffer;
  while (out.back() == '0' && out[out.size() - 2] != '.') out.pop_back();
  return out;
}

std::string value_text(const MetricValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* fraction = std::get_if<double>(&value)) return average_text(*fraction);
  return std::get<std::string>(value);
}

}  // namespace quorate::server
