// What the replica counts, under ZooKeeper's names (configuration.md section 10). Owned by the
// replica's thread; others get copies. Numbers of the moment are in ServerStatus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "server/replica/summary.h"

namespace quorate::server {

/// One Tally per first component of a path. Bounded: clients choose the names.
class NamespaceTallies {
 public:
  /// Adds `bytes` to the namespace of `path`; the root and what is no path belong to none.
  void add(std::string_view path, std::size_t bytes);
  const std::map<std::string, Tally, std::less<>>& rows() const { return rows_; }

  static constexpr std::size_t kRowsMax = 256;
  static constexpr std::size_t kNameBytesMax = 128;

 private:
  std::map<std::string, Tally, std::less<>> rows_;
};

struct ReplicaMetrics {
  // ---- Clients
  std::uint64_t bytes_received = 0;  ///< Length prefixes included.
  std::uint64_t response_bytes = 0;
  std::uint64_t watch_bytes = 0;
  std::uint64_t connection_requests = 0;
  std::uint64_t connection_revalidations = 0;  ///< Reconnects to an existing session.
  std::uint64_t connections_dropped = 0;
  std::uint64_t sessionless_expired = 0;
  std::uint64_t sessions_expired = 0;
  std::uint64_t auth_failures = 0;
  std::uint64_t large_requests_refused = 0;
  std::uint64_t throttled = 0;  ///< A connection was not read for a while, at a limit.
  std::int64_t last_response_bytes = -1, min_response_bytes = -1, max_response_bytes = -1;

  // ---- Requests and txns
  std::uint64_t prepared = 0;   ///< Requests that became a proposal here.
  std::uint64_t logged = 0;     ///< Records given to the log.
  std::uint64_t proposals = 0;  ///< Leader of an ensemble.
  std::uint64_t commits = 0;    ///< Leader of an ensemble.
  std::uint64_t learner_proposals = 0, learner_commits = 0;
  std::uint64_t revalidations = 0;  ///< Asked of this leader by its learners.
  std::uint64_t diffs_sent = 0, snaps_sent = 0;
  std::uint64_t elections = 0;
  std::uint64_t digest_mismatches = 0;

  Summary read_latency, update_latency;  ///< Arrival to answer.
  Summary propagation_latency;           ///< Proposal to apply, by the leader's clock.
  Summary proposal_latency;              ///< Learner: proposal to its arrival here.
  Summary commit_propagation_latency;    ///< Learner: proposal to commit.
  Summary quorum_ack_latency;            ///< Leader: proposal to a quorum's acknowledgements.
  Summary election_time, unavailable_time, leader_unavailable_time, follower_sync_time;
  Summary snapshot_time;  ///< Renewing the checkpoint.
  Summary created_watches, deleted_watches, changed_watches, children_watches;
  NamespaceTallies reads, writes;

  void count_response(std::size_t bytes) {
    const auto size = static_cast<std::int64_t>(bytes);
    last_response_bytes = size;
    if (min_response_bytes < 0 || size < min_response_bytes) min_response_bytes = size;
    if (size > max_response_bytes) max_response_bytes = size;
  }
  void rotate();
};

}  // namespace quorate::server
