// A copy of what four-letter words, metrics and logs tell about a server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.h"

namespace quorate::server {

struct ServerStatus {
  bool serving = false;
  std::string mode;  ///< "standalone", "leader", "follower"; empty while not serving.
  ServerId self;
  std::optional<ServerId> leader;
  Zxid last_applied;
  Zxid last_logged;
  std::uint32_t accepted_epoch = 0, current_epoch = 0;
  std::size_t node_count = 0, ephemeral_count = 0, watch_count = 0, sessions = 0;
  std::int64_t approximate_data_size = 0;
  std::size_t outstanding = 0;  ///< Requests of clients not yet answered.
  std::size_t learners = 0, synced_followers = 0, quorum_size = 0;
  std::uint64_t packets_received = 0, packets_sent = 0;
  std::int64_t min_latency_ms = 0, max_latency_ms = 0;
  double avg_latency_ms = 0;
  std::uint64_t proposals = 0, commits = 0, digest_mismatches = 0, elections = 0;
  std::uint64_t last_proposal_size = 0, min_proposal_size = 0, max_proposal_size = 0;
  std::int64_t uptime_ms = 0;
};

}  // namespace quorate::server
