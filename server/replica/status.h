// Copies of what four-letter words, admin pages, metrics and logs tell about a server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "znode/proto/op_code.h"

namespace quorate::server {

struct ServerStatus {
  bool serving = false;
  bool read_only = false;      ///< Not serving, but reads are answered to those who ask for that.
  bool shuns_clients = false;  ///< A leader that takes none.
  /// "standalone", "leader", "follower", "observer"; "read-only"; empty while none of these.
  std::string mode;
  /// "election", "discovery", "synchronization", "broadcast"; empty when standalone.
  std::string zab_state;
  ServerId self;
  std::optional<ServerId> leader;
  Zxid last_applied;
  Zxid last_logged;
  std::uint32_t accepted_epoch = 0, current_epoch = 0;
  std::size_t node_count = 0, ephemeral_count = 0, watch_count = 0, sessions = 0;
  std::size_t local_sessions = 0;  ///< Known to this server alone.
  std::int64_t approximate_data_size = 0;
  std::size_t outstanding = 0;    ///< Requests of clients not yet answered.
  std::size_t pending_syncs = 0;  ///< Of this server's clients.
  std::size_t learners = 0, synced_followers = 0, quorum_size = 0;
  std::size_t synced_observers = 0, synced_non_voting = 0;  ///< Leader.
  std::vector<ServerId> observers;                          ///< Leader: the synced ones.
  std::uint64_t packets_received = 0, packets_sent = 0;
  std::int64_t min_latency_ms = 0, max_latency_ms = 0;
  double avg_latency_ms = 0;
  std::uint64_t proposals = 0, digest_mismatches = 0;
  std::int64_t last_proposal_size = -1, min_proposal_size = -1, max_proposal_size = -1;
  std::int64_t uptime_ms = 0;
  std::uint64_t slow_syncs = 0;       ///< Of the log, above fsync.warningthresholdms; set by App.
  std::int64_t leader_uptime_ms = 0;  ///< 0 on others.
  Zxid last_checkpoint;
  std::int64_t last_checkpoint_wall_ms = 0;  ///< 0: none since the start.
  std::int64_t now_ms = 0, wall_ms = 0;      ///< When this was copied, by both clocks.

  /// Whether clients find a server here: so ZooKeeper decides whether words are answered.
  bool takes_clients() const { return (serving && !shuns_clients) || read_only; }
};

/// One client connection.
struct ConnectionStatus {
  ConnectionId id;
  std::string address;
  std::uint16_t port = 0;
  bool secure = false;
  bool reading = true;  ///< False: held back by a limit.
  std::size_t outstanding = 0;
  std::uint64_t received = 0, sent = 0;
  SessionId session;                      ///< 0: none yet; what stands below belongs to a session.
  OpCode last_op = OpCode::Notification;  ///< Notification: none.
  std::int64_t established_ms = 0;
  std::int32_t timeout_ms = 0;
  std::int64_t last_cxid = -1;  ///< -1: no request yet.
  Zxid last_zxid;
  std::int64_t last_response_ms = 0;
  std::int64_t last_latency_ms = 0, min_latency_ms = 0, avg_latency_ms = 0, max_latency_ms = 0;
};

struct SessionStatus {
  SessionId session;
  std::int32_t timeout_ms = 0;
  /// By now_ms(); nothing where another server decides it.
  std::optional<std::int64_t> expires_ms;
  bool local = false;  ///< Known to this server alone.
};

/// Paths that belong to a session: its ephemerals, or what it watches.
struct SessionPaths {
  SessionId session;
  std::vector<std::string> paths;
};

struct DigestStatus {
  Zxid zxid;
  std::uint64_t digest = 0;
};

}  // namespace quorate::server
