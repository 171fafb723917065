// The private part of Replica: its members, and what its source files share. replica.cc has the
// face, the pump, commits and time; replica_clients.cc has clients and their requests,
// replica_leader.cc what only a leader does, replica_links.cc links and the trees that come over
// them; what is rare has files of its own.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/replica/applier.h"
#include "server/replica/audit.h"
#include "server/replica/checkpoints.h"
#include "server/replica/connections.h"
#include "server/replica/link_stream.h"
#include "server/replica/local_sessions.h"
#include "server/replica/proposer.h"
#include "server/replica/read_rounds.h"
#include "server/replica/reader.h"
#include "server/replica/reconfig_plan.h"
#include "server/replica/replica.h"
#include "server/replica/request_gate.h"
#include "server/replica/restore.h"
#include "server/replica/sessions.h"
#include "znode/watch_table.h"

namespace quorate::server {

/// What /zookeeper/config says; "" where it is missing.
std::string config_of(const znode::DataTree& tree);

struct Replica::Impl {
  Impl(ReplicaOptions given, Recovered recovered, Ports given_ports, Random random);

  // ---- Clients (replica_clients.cc)
  // --------------------------------------------------------------
  bool on_client_frame(ConnectionId id, ByteView frame);
  void handshake(Connection& connection, ByteView frame);
  void create_session(Connection& connection);
  void submit_create_session(Connection& connection, std::int32_t timeout_ms);
  void reconnect(Connection& connection, SessionId session);
  void revalidate(Connection& connection);
  void refuse(Connection& connection);
  /// The handshake is over: answers it and serves what the client has sent meanwhile.
  void establish(Connection& connection);
  void on_request(Connection& connection, ByteView frame);
  void on_auth(Connection& connection, std::int32_t cxid, ByteView body);
  void heard(Connection& connection);
  void submit(Connection& connection, const OpenRequest& request, ByteView body);
  /// Hands a write or a sync to consensus.
  void submit(consensus::Request request);
  /// The way of nearly every write on a leader: where nothing waits there is nothing to wait for,
  /// and no copy to be made. False: it has to be submitted.
  bool propose_at_once(Connection& connection, const OpenRequest& request, ByteView body);
  bool may_propose_at_once();
  void propose_now(const znode::WriteRequest& write, const znode::Identities& identities);
  /// Hands to consensus what may go there now.
  void submit_next(Connection& connection);
  /// Answers, from the oldest request on, all that need not wait.
  void drain(ConnectionId id);
  /// False when the connection has been closed.
  bool answer_now(Connection& connection, std::int32_t cxid, OpCode op, Passage passage,
                  ByteView body);
  void answer_txn(const znode::Outcome& outcome);
  void answer_write(Connection& connection, const znode::Outcome& outcome);
  void count_answer(Connection& connection, std::int32_t cxid, OpCode op, Zxid zxid,
                    std::int64_t latency_ms);
  void close(Connection& connection);
  void close_all_clients();
  bool audits(OpCode op) const { return !options.audit_user.empty() && audit::concerns(op); }
  void audit_request(const Connection& connection, const OpenRequest& request,
                     const znode::Outcome& outcome);
  void throttle(Connection& connection);
  void resume_throttled();
  /// Requests pile up behind a disk that does not keep up: nothing more is read of those who wait.
  bool waits_for_disk() const { return !waiting_requests.empty() && !ports.disk.has_room(); }
  void close_sessionless();

  /// What a client that connects now may have.
  Service service() const;
  bool shuns_clients() const {
    return !options.leader_serves && !options.peer.standalone &&
           peer.role() == consensus::Role::Leading;
  }

  // ---- SASL (replica_sasl.cc)
  // --------------------------------------------------------------------
  void on_sasl(Connection& connection, std::int32_t cxid, ByteView body);
  SaslStep sasl_step(Connection& connection, const std::string& token);
  void answer_sasl(Connection& connection, std::int32_t cxid, Code code, const Buffer& token);

  // ---- Linearizable reads (replica_reads.cc)
  // -----------------------------------------------------
  bool awaits_round(OpCode op, Passage passage) const;
  void join_round(Connection& connection, OpenRequest& request);
  void begin_read_round();
  void finish_read_round();
  consensus::Request round_request();
  bool is_barrier(const TxnHeader& txn) const;

  // ---- Local sessions (replica_local_sessions.cc)
  // -----------------------------------------------------
  bool keeps_local_sessions() const { return options.local_sessions && !options.peer.standalone; }
  SessionId new_session_id();
  void create_local_session(Connection& connection);
  void attach_local(Connection& connection, SessionId session);
  void upgrade_session(Connection& connection);
  bool exceeds_local(Connection& connection, OpCode op, ByteView body);
  static znode::Outcome explained(znode::Outcome outcome);
  void end_local_session(Connection& connection, std::int32_t cxid);
  void tend_local_sessions(bool slept);
  void expire_local(SessionId session);
  void finish_upgrade(SessionId session);

  // ---- Read-only mode (replica_read_only.cc)
  // -----------------------------------------------------
  bool may_read_only() const;
  void tend_read_only();
  void end_read_only();
  void reconnect_read_only(Connection& connection, SessionId session);
  bool answer_read_only(Connection& connection, std::int32_t cxid, OpCode op, Passage passage);

  // ---- Leader (replica_leader.cc)
  // ----------------------------------------------------------------
  void answer_revalidation(const consensus::Revalidation& revalidation);
  void propose_waiting();
  void propose(consensus::LogRecord record);
  void expire_sessions();
  void expire(SessionId session);
  void reap();
  void note_quota();

  // ---- Links and trees (replica_links.cc, replica_restore.cc)
  // ------------------------------------
  void on_link_bytes(LinkId link, ByteView bytes);
  void drop_link(LinkId link);
  void close_silent_trees();
  void install_arriving();
  void drop_arriving();
  bool disk_lags() const;
  void start_install();
  void hand_over(znode::CheckpointBatch portion);
  void continue_install();
  bool tree_in_slices() const;
  void on_installed(LinkId link, Zxid zxid, bool ok);
  void start_restore();
  /// Whether the install was of a tree to restore.
  bool ends_restore(LinkId link, Zxid zxid, bool ok);

  // ---- The pump and what Ready asks for (replica.cc)
  // ---------------------------------------------
  void pump();
  void carry_out(consensus::Ready ready);
  void carry_out(consensus::LinkCommand command);
  void send(consensus::Envelope envelope);
  void apply(const consensus::LogRecord& record, std::int64_t wall_ms);
  void track_session(const znode::Outcome& outcome);
  void observe(const consensus::Event& event);
  void begin_service();
  void lose_service();
  void flush();
  // A turn is a batch of calls with its pump(): clocks and disk are looked at once, at most.
  std::int64_t turn_ms() {
    if (!turn.ms) turn.ms = ports.clock.now_ms();
    return *turn.ms;
  }
  std::int64_t turn_wall_ms() {
    if (!turn.wall_ms) turn.wall_ms = ports.clock.wall_ms();
    return *turn.wall_ms;
  }
  /// Nothing reaches the disk before the pump hands it over.
  bool turn_has_room() {
    if (!turn.room) turn.room = ports.disk.has_room();
    return *turn.room;
  }
  Zxid fuzzy_until() const { return std::max(recovered_fuzzy_until, peer.fuzzy_until()); }
  void count_commit(const TxnHeader& header, std::int64_t wall_ms);
  void count_writes(const std::vector<consensus::LogWrite>& writes);
  void count_event(const consensus::Event& event);
  void count_checkpoint(Zxid zxid);
  void keep_digest(Zxid zxid);
  void show_members();
  ServerStatus status() const;
  const char* zab_state() const;
  const char* mode() const;
  std::vector<ConnectionStatus> connection_list() const;

  struct Link {
    LinkStream stream;
    std::int64_t heard_ms;
  };
  struct Install {
    LinkId link;
    znode::DataTree tree;
    Zxid fuzzy_until;    ///< As the leader said.
    bool begun = false;  ///< The disk has a portion of it.
  };
  /// A tree that goes to the disk while it arrives.
  struct Arriving {
    LinkId link;
    bool begun = false;  ///< The disk has a portion of it.
  };
  struct Statistics {
    std::uint64_t packets_received = 0, latencies = 0, proposals = 0;
    std::int64_t min_latency_ms = 0, max_latency_ms = 0, total_latency_ms = 0;
    std::uint64_t last_proposal_size = 0, min_proposal_size = 0, max_proposal_size = 0;
  };

  const ReplicaOptions options;
  Ports ports;
  znode::DataTree tree;
  Zxid recovered_fuzzy_until;
  /// The tree is one that this server has served with, or has had since its start: not what a sync
  /// has brought that did not come to its end.
  bool proven;
  znode::WatchTable watches;
  ReplicaMetrics metrics;
  Connections connections;
  RequestGate gate;
  ReadRounds rounds;
  /// A round under a leader whose sync proves nothing: a write that cannot succeed.
  struct Barrier {
    SessionId session;  ///< Of no client, and unknown to the leader.
    std::int32_t cxid = 0;
    bool awaited = false;
  };
  Barrier barrier;
  Sessions sessions;
  LocalSessions local_sessions;
  Checkpoints checkpoints;
  Applier applier;
  Reader reader;
  consensus::Peer peer;
  const PeerReconfigPlanner planner;
  const znode::OpOptions write_ops;  ///< options.ops, and whom to ask about reconfigs.
  std::optional<Proposer> proposer;  ///< From Serving to ServiceLost of a leader.
  Reaper reaper;                     ///< At work as long as there is a proposer.
  std::map<std::string, std::uint64_t> quota_refusals;  ///< By top-level node.
  std::int64_t quota_told_ms = 0;                       ///< When the log last said so.
  std::uint64_t quota_untold = 0;                       ///< Breaches since.

  bool serving = false;
  bool stopped = false;
  bool read_only = false;
  bool diverged = false;                            ///< A digest has differed; said once.
  std::optional<Zxid> diverged_at;                  ///< Consensus is to be told.
  std::deque<consensus::Request> waiting_requests;  ///< At the leader's limit of proposals.
  /// Writes of own clients that are with consensus and may not be proposed yet: those that follow
  /// must not pass them.
  std::size_t submitted_writes = 0;
  std::map<LinkId, Link> links;
  std::vector<LinkId> links_to_close;  ///< Malformed bytes; closed by the pump.
  std::optional<Arriving> arriving;
  std::optional<Install> installing;
  std::optional<TreeToRestore> restoring;  ///< Until its answer; nobody is served.
  std::vector<ConnectionId> throttled;
  std::vector<ConnectionId> reported;  ///< Learner: those with Connection::reported.
  struct Arrival {
    std::int64_t at_ms;
    ConnectionId id;
  };
  std::deque<Arrival> arrivals;  ///< Oldest first; for the time limit without a session.
  std::int64_t started_ms;
  std::int64_t last_tick_ms;
  struct Turn {
    std::optional<std::int64_t> ms, wall_ms;
    std::optional<bool> room;
  };
  Turn turn;
  Statistics statistics;
  /// When what lasts began, by now_ms(); for the metrics that say how long.
  struct Since {
    std::int64_t looking = 0, elected = 0, unavailable = 0, leading = 0, rotated = 0;
    std::int64_t checkpoint = 0;  ///< The one being written.
  };
  Since since;
  /// Every 128th zxid applied with the digest behind it, oldest first (the word hash).
  std::deque<DigestStatus> digests;
  Zxid last_checkpoint;
  std::int64_t last_checkpoint_wall_ms = 0;
};

}  // namespace quorate::server
