// Leader (and standalone): request -> prepare -> txn or error txn.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/ids.h"
#include "consensus/input.h"
#include "consensus/messages.h"
#include "server/replica/local_sessions.h"
#include "server/replica/sessions.h"
#include "znode/data_tree.h"
#include "znode/op.h"
#include "znode/pending_view.h"
#include "znode/reaper.h"

namespace quorate::server {

/// Whether sessions that the ensemble does not know may write, and those of this server.
struct LocalWriters {
  bool enabled = false;
  ServerId self;
  const LocalSessions& own;
};

/// Lives from Serving to ServiceLost of a leader.
class Proposer {
 public:
  /// `txn_bytes_max`: what every member of the ensemble accepts as one field (hazard R54).
  Proposer(const znode::DataTree& tree, const znode::OpOptions& options, Sessions& sessions,
           const LocalWriters& locals, std::size_t txn_bytes_max);

  /// The record to propose under `zxid`. Every request gives one: a refusal becomes an error txn,
  /// so that the server that forwarded it gets its answer in its place (hazard R57).
  consensus::LogRecord prepare(const consensus::Request& request, Zxid zxid, std::int64_t wall_ms);
  /// The same for a client of this server.
  consensus::LogRecord prepare(const znode::WriteRequest& write,
                               const znode::Identities& identities, Zxid zxid,
                               std::int64_t wall_ms);
  /// closeSession of an expired session.
  consensus::LogRecord prepare_expiry(SessionId session, Zxid zxid, std::int64_t wall_ms);

  /// The deletion of a container or TTL node; nothing when it is not due any more.
  std::optional<consensus::LogRecord> prepare_reap(const std::string& path,
                                                   const znode::ReapRules& rules, Zxid zxid,
                                                   std::int64_t wall_ms);
  /// The last breach of a quota since the last call.
  std::optional<znode::QuotaNote> take_quota_note() { return pending_.take_quota_note(); }

  /// The tree has applied everything up to `zxid`.
  void landed(Zxid zxid);

  bool session_alive(SessionId session) const { return pending_.session_alive(session); }

 private:
  Bytes make_txn(const znode::WriteRequest& write, const znode::Identities& identities,
                 Owner origin, Zxid zxid, std::int64_t wall_ms);
  bool is_local(SessionId session, Owner origin) const;
  Bytes fit(Bytes txn, const znode::WriteRequest& write, Zxid zxid, std::int64_t wall_ms);
  consensus::LogRecord keep(Zxid zxid, Bytes txn);
  const znode::Identities& identities_of(const consensus::Request& request);

  const znode::DataTree& tree_;
  const znode::OpOptions& options_;
  Sessions& sessions_;
  LocalWriters locals_;
  std::size_t txn_bytes_max_;
  znode::PendingView pending_;
  std::deque<consensus::LogRecord> in_flight_;
  znode::Identities identities_;  ///< Of the last request.
};

}  // namespace quorate::server
