// What the replica counts while it works: per answer, per batch of commits, per event.
#include <algorithm>
#include <string_view>
#include <variant>

#include "server/replica/replica_impl.h"

namespace quorate::server {

namespace {
/// ZooKeeper's interval and bound of the list of digests.
constexpr std::int64_t kDigestInterval = 128;
constexpr std::size_t kDigestsMax = 1024;
}  // namespace

void Replica::Impl::count_answer(Connection& connection, std::int32_t cxid, OpCode op, Zxid zxid,
                                 std::int64_t latency_ms) {
  Statistics& s = statistics;
  s.min_latency_ms = s.latencies == 0 ? latency_ms : std::min(s.min_latency_ms, latency_ms);
  s.max_latency_ms = std::max(s.max_latency_ms, latency_ms);
  s.total_latency_ms += latency_ms;
  ++s.latencies;
  (passage_of(op) == Passage::Write ? metrics.update_latency : metrics.read_latency)
      .add(latency_ms);
  ConnectionStatistics& own = connection.statistics;
  own.answered_in(latency_ms);
  own.last_zxid = zxid;
  own.last_response_ms = last_tick_ms;
  if (cxid >= 0) own.last_cxid = cxid;
  connection.last_op = static_cast<std::int16_t>(op);
}

/// `wall_ms`: before the first of its batch was applied.
void Replica::Impl::count_commit(const TxnHeader& header, std::int64_t wall_ms) {
  const std::int64_t age_ms = wall_ms - header.time_ms;
  metrics.propagation_latency.add(age_ms);
  if (options.peer.standalone) return;
  const bool leads = peer.role() == consensus::Role::Leading;
  (leads ? metrics.quorum_ack_latency : metrics.commit_propagation_latency).add(age_ms);
  ++(leads ? metrics.commits : metrics.learner_commits);
}

void Replica::Impl::count_writes(const std::vector<consensus::LogWrite>& writes) {
  const bool learner =
      peer.role() == consensus::Role::Following || peer.role() == consensus::Role::Observing;
  const std::int64_t wall_ms = learner ? ports.clock.wall_ms() : 0;
  for (const consensus::LogWrite& write : writes) {
    const auto* append = std::get_if<consensus::AppendRecord>(&write);
    if (append == nullptr) continue;
    ++metrics.logged;
    if (!learner) continue;
    ++metrics.learner_proposals;
    Result<TxnHeader> header = znode::peek_header(append->record.bytes.view());
    // What a sync brings was proposed long ago and says nothing about the way here.
    if (header && serving) metrics.proposal_latency.add(wall_ms - header->time_ms);
  }
}

void Replica::Impl::count_event(const consensus::Event& event) {
  const std::int64_t now_ms = ports.clock.now_ms();
  const bool leads = peer.role() == consensus::Role::Leading;
  switch (event.kind) {
    case consensus::EventKind::Looking:
      ++metrics.elections;
      since.looking = now_ms;
      break;
    case consensus::EventKind::Elected:
      if (options.peer.standalone) break;
      metrics.election_time.add(now_ms - since.looking);
      since.elected = now_ms;
      break;
    case consensus::EventKind::Serving:
      since.leading = now_ms;
      if (options.peer.standalone) break;
      metrics.unavailable_time.add(now_ms - since.unavailable);
      if (leads) metrics.leader_unavailable_time.add(now_ms - since.unavailable);
      if (!leads) metrics.follower_sync_time.add(now_ms - since.elected);
      break;
    case consensus::EventKind::ServiceLost:
      since.unavailable = now_ms;
      break;
    case consensus::EventKind::LearnerSyncing:
      if (event.detail == "SNAP") ++metrics.snaps_sent;
      if (event.detail == "DIFF") ++metrics.diffs_sent;
      break;
    default:
      break;
  }
}

void Replica::Impl::count_checkpoint(Zxid zxid) {
  metrics.snapshot_time.add(ports.clock.now_ms() - since.checkpoint);
  last_checkpoint = zxid;
  last_checkpoint_wall_ms = ports.clock.wall_ms();
}

void Replica::Impl::keep_digest(Zxid zxid) {
  if (zxid.value % kDigestInterval != 0) return;
  if (digests.size() >= kDigestsMax) digests.pop_front();
  digests.push_back({zxid, tree.digest()});
}

}  // namespace quorate::server
