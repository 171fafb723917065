// What the commands ask of the server: one copied value, made on the event loop, rendered anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consensus/ensemble.h"
#include "consensus/member_text.h"
#include "server/admin/rights.h"
#include "server/replica/metrics.h"
#include "server/replica/restore.h"
#include "server/replica/status.h"
#include "server/replica/tree_sink.h"
#include "znode/quota.h"
#include "znode/watch_table.h"

namespace quorate::server {

/// Parts of AdminFacts that are costly to copy; or-ed together. The status is always there.
enum Want : unsigned {
  kNothingMore = 0,
  kMetrics = 1,
  kConnections = 2,
  kSessions = 4,  ///< Sessions and ephemerals.
  kWatches = 8,
  kDigests = 16,
  kWatchSummary = 32,
};

/// How long reading the data took, and how much there was.
struct StartupTimes {
  Summary ms, txns;
};

/// Of the commands snapshot and restore.
struct CommandCounts {
  std::uint64_t snapshot_errors = 0, snapshots_limited = 0;
  std::uint64_t restore_errors = 0, restores_limited = 0;
  Summary restore_ms;  ///< From the last byte received to the tree's being served.
};

/// ReplicaMetrics and what the other parts count.
struct ServerMetrics {
  ReplicaMetrics replica;
  std::uint64_t connections_rejected = 0;
  std::uint64_t failed_handshakes = 0;  ///< Of TLS, of clients.
  /// Times measured in microseconds.
  Summary fsync_us;
  StartupTimes startup;
  CommandCounts commands;
};

struct AdminFacts {
  ServerStatus status;
  std::optional<consensus::Ensemble> ensemble;     ///< The members now; nothing: those of the file.
  std::optional<consensus::HostPort> client_port;  ///< Where it is now; nothing: as configured.
  std::size_t connection_count = 0;
  std::int64_t trace_mask = 0;
  std::shared_ptr<const ServerMetrics> metrics;
  std::vector<ConnectionStatus> connections;
  std::vector<SessionStatus> sessions;
  std::vector<SessionPaths> ephemerals;
  znode::WatchSummary watch_summary;  ///< Data watches only, as ZooKeeper's wchs.
  std::vector<SessionPaths> watches;  ///< Likewise.
  std::vector<DigestStatus> digests;
  std::vector<znode::QuotaRow> quotas;                  ///< With kMetrics.
  std::map<std::string, std::uint64_t> quota_refusals;  ///< Likewise.
};

/// The server as the commands see it. Called on the event loop only.
class AdminSource {
 public:
  virtual ~AdminSource() = default;
  virtual AdminFacts facts(unsigned wants) = 0;
  virtual void reset_statistics() = 0;             ///< srst.
  virtual void reset_connection_statistics() = 0;  ///< crst.
  virtual void set_trace_mask(std::int64_t mask) = 0;
  virtual Admission admit(const AdminCaller& caller) = 0;
  /// Replica::copy_tree().
  virtual bool copy_tree(std::shared_ptr<TreeSink> sink) = 0;
  /// Replica::restore().
  virtual void restore(TreeToRestore given) = 0;
  virtual CommandCounts& command_counts() = 0;
};

/// ZooKeeper's default; kept and shown, without effect.
inline constexpr std::int64_t kDefaultTraceMask = 306;

/// The query of a URL, decoded.
using Parameters = std::map<std::string, std::string, std::less<>>;

}  // namespace quorate::server
