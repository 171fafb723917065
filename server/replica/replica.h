// One thread's worth of logic: joins the two cores and talks to ports only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/random.h"
#include "consensus/peer.h"
#include "server/replica/client_origin.h"
#include "server/replica/fan_out.h"
#include "server/replica/metrics.h"
#include "server/replica/ports.h"
#include "server/replica/reaper.h"
#include "server/replica/restore.h"
#include "server/replica/status.h"
#include "server/replica/tree_sink.h"
#include "znode/auth.h"
#include "znode/data_tree.h"
#include "znode/op.h"
#include "znode/quota.h"
#include "znode/snapshot.h"
#include "znode/watch_table.h"

namespace quorate::server {

struct ReplicaOptions {
  consensus::PeerOptions peer;
  znode::OpOptions ops;
  znode::AuthOptions auth;
  ReaperOptions reaper;
  std::int32_t min_session_timeout_ms = 4000;
  std::int32_t max_session_timeout_ms = 40000;
  /// globalOutstandingLimit: above it, connections with a request outstanding are not read.
  std::size_t outstanding_max = 1000;
  /// Requests of one connection not yet answered; above it that connection is not read.
  std::size_t per_connection_max = 1000;
  /// Requests longer than this many bytes count for the second limit; above that limit whoever
  /// sends another one is closed.
  std::size_t large_request_threshold = SIZE_MAX;
  std::size_t large_request_max_bytes = 100u << 20;
  /// Answers of one connection that may wait to be sent; above it that connection is closed.
  std::size_t reply_bytes_max = 64u << 20;
  /// A checkpoint is due after so many bytes of changed nodes, or so many bytes of log.
  std::size_t checkpoint_dirty_bytes = 16u << 20;
  std::size_t checkpoint_log_bytes = 256u << 20;
  /// Participants that a reconfig must leave (standaloneEnabled).
  std::size_t reconfig_voters_min = 2;
  std::int64_t snap_count = 100000;  ///< And after so many records.
  /// So much of it is encoded at once: well below a millisecond.
  znode::PortionLimit checkpoint_slice{256u << 10, 2000};
  /// Of a received tree; nobody is served while it is written.
  znode::PortionLimit install_slice{4u << 20, 20000};
  /// allowSaslFailedClients: who fails to log in goes on without, where SASL is not enforced.
  bool sasl_failed_stay = false;
  std::int64_t sessionless_timeout_ms = 10000;  ///< A connection that sends no handshake.
  /// Whether a server that finds no leader answers reads of clients that ask for no more; after so
  /// long, and at least a tick.
  bool read_only_mode = false;
  std::int64_t read_only_after_ms = 2000;
  bool leader_serves = true;  ///< False: while it leads an ensemble it takes no clients.
  /// New sessions are known to this server alone; with the second one the ensemble hears of them as
  /// soon as they need it. The same on all servers; a server alone has no use for it.
  bool local_sessions = false;
  bool upgrade_local_sessions = false;
  /// Reads wait until the leader has proved, after they came, that it leads, and until all that was
  /// committed by then is applied here.
  bool linearizable_reads = false;
  FanOutLimits fan_out;
  /// Who the server's own changes are put down to in the audit log; empty: none is kept.
  std::string audit_user;
};

/// What recovery hands over: the tree as of the checkpoint, and what consensus needs to know.
struct Recovered {
  znode::DataTree tree;
  consensus::DurableState durable;
  Zxid fuzzy_until;
};

/// Owned by one thread, the event loop's. Inputs arrive by on_...(); the driver calls pump() after
/// each batch of them: only then are ports used.
class Replica {
 public:
  Replica(ReplicaOptions options, Recovered recovered, Ports ports, Random random);
  ~Replica();

  // ---- Clients
  // -----------------------------------------------------------------------------------
  void on_client_open(ConnectionId connection, ClientOrigin origin);
  /// One packet without its length. The first is the connect request. Bytes are copied if kept.
  /// False: so many answers wait for pump() that it should come before this client's next packet.
  bool on_client_frame(ConnectionId connection, ByteView frame);
  /// The socket ended (not after Clients::close).
  void on_client_closed(ConnectionId connection);

  // ---- Peers
  // -------------------------------------------------------------------------------------
  void on_notification(ServerId from, consensus::Notification notification);
  void on_election_link(ServerId peer, bool reachable);
  void on_link_up(LinkId link, std::optional<ServerId> opened_to);
  /// Whatever arrived, split anywhere: packets and, behind a SNAP packet, the raw tree.
  void on_link_bytes(LinkId link, ByteView bytes);
  void on_link_down(LinkId link);

  // ---- Disk
  // --------------------------------------------------------------------------------------
  void on_synced(std::uint64_t write);
  void on_checkpointed(Zxid zxid);
  void on_checkpoint_lost();
  /// A piece of the SNAP stream: `zxid` is the checkpoint's; `last` ends it. ok = false:
  /// unreadable.
  void on_snapshot_piece(LinkId link, Zxid zxid, SharedBytes piece, bool last, bool ok);
  void on_installed(LinkId link, Zxid zxid, bool ok);

  // ---- Time
  // --------------------------------------------------------------------------------------
  /// At least every consensus::kTickPeriodMs.
  void on_tick();

  /// Works until nothing is left to do, then flushes Links and Clients. End of every batch.
  void pump();

  /// True: events for many connections wait to leave in slices. The driver calls pump_more() at its
  /// next turn, after whatever else is ready, until this is false.
  bool has_more() const;
  void pump_more();

  /// A copy of the tree as of now or a little later: the checkpoint is renewed and then read from
  /// disk; writes go on. False: not now, this server has no tree that is exact. pump() follows.
  bool copy_tree(std::shared_ptr<TreeSink> sink);

  /// Puts another tree in the place of the one there is, durably; standalone only. Clients are let
  /// go; whose session is in the tree may come back. pump() follows.
  void restore(TreeToRestore given);

  /// Orderly stop: refuse new work, write a last checkpoint. The driver then drains Disk.
  void stop();

  /// Ends a session as if its time were up. False: there is none, or not now, because requests wait
  /// or this server does not lead. pump() follows.
  bool expire_session(SessionId session);

  // ---- What the admin commands ask; copies, so that another thread may render them
  ServerStatus status() const;
  const ReplicaMetrics& metrics() const;
  std::vector<ConnectionStatus> connection_list() const;
  /// Sessions with their timeouts, and with the time they expire where this server decides it; the
  /// local ones last.
  std::vector<SessionStatus> session_list() const;
  std::vector<SessionPaths> ephemerals() const;
  /// Of the data table (wchs).
  znode::WatchSummary watch_summary() const;
  /// By session, paths sorted; the data table alone (wchc, wchp).
  std::vector<SessionPaths> watches_by_session() const;
  std::vector<DigestStatus> digests() const;
  void reset_statistics();             ///< srst.
  void reset_connection_statistics();  ///< crst.
  /// For tests and the simulator.
  const consensus::Peer& peer() const;
  const znode::DataTree& tree() const;
  /// Of each top-level node with quotas; refusals are those that this server prepared as a leader.
  std::vector<znode::QuotaRow> quota_usage() const;
  const std::map<std::string, std::uint64_t>& quota_refusals() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quorate::server
