// What every role works on and what outlives a change of role: log, epochs, open writes, the
// output.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "consensus/log_view.h"
#include "consensus/membership.h"
#include "consensus/peer.h"
#include "consensus/ready.h"
#include "consensus/vote.h"

namespace quorate::consensus {

/// Why a role ends. `penalty`: somebody misbehaved, so do not come back at once (mixed ensembles
/// must not loop fast). `successor`: a reconfig has named the next leader; no election.
struct Leave {
  std::string reason;
  bool penalty = false;
  std::optional<ServerId> successor;
};

class Core {
 public:
  Core(PeerOptions given, DurableState state);

  // Output.
  std::uint64_t write(LogWrite what);  ///< The number LogSynced will name.
  void send(LinkId link, QuorumPacket packet) { ready.sends.push_back({link, std::move(packet)}); }
  void send(LinkId link, PacketType type, Zxid zxid) { send(link, {type, zxid, {}, {}}); }
  void close(LinkId link);
  void tell(EventKind kind, ServerId peer = {-1}, Zxid zxid = {}, std::string detail = {});
  void leave_role(std::string reason, bool penalty = false);
  void follow_successor(ServerId successor);
  void send_vote(ServerId to, PeerState state, const Vote& what, std::int64_t round);

  // Membership.
  /// Whether this server votes: by the configs it knows, and only when it could read them.
  bool votes() const { return membership.is_voter(options.self) && without_vote.empty(); }
  /// May be elected: its tree is right, as far as anybody knows.
  bool may_lead() const { return votes() && !diverged; }
  bool is_observer() const;
  /// The reconfig that stands last in `record` is proposed: both configs count from here on.
  void see_config(const LogRecord& record);
  /// Another server says that this config is in force; `committed`: beyond doubt. Later ones that
  /// are proposed here stay proposed. False: it is not newer than what is known.
  bool adopt_config(Ensemble config, bool committed);
  /// A whole tree has taken the place of the log, and of the reconfigs in it.
  void tree_replaced(Zxid zxid, const std::string& config);
  void tree_diverged(Zxid zxid);
  /// The reconfig `zxid` is committed.
  void activate_config(Zxid zxid);

  // Log. Appended records are written in the same breath: memory is never ahead of what was asked.
  void append(LogRecord record);
  bool truncate(Zxid after);
  void synced(std::uint64_t write_number);
  bool drained() const { return open_writes.empty() && !installing; }
  std::uint64_t last_write() const { return next_write - 1; }
  bool durable(std::uint64_t number) const { return synced_write >= number; }
  /// Activates reconfigs among them.
  void emit_commits();

  Zxid reported_zxid() const { return blank ? kBlankZxid : log.last(); }
  std::int64_t ticks(std::int32_t count) const { return count * options.tick_time_ms; }
  /// So long a server tries to reach whom it follows: that one may still be deciding. When it is
  /// gone, a short wait is better than all of initLimit: the next election may be quick.
  std::int64_t connect_ms() const;

  PeerOptions options;
  Membership membership;
  LogView log;
  Ready ready;
  std::optional<std::int64_t> started;  ///< Nothing moves before the first Tick.
  std::int64_t now = 0;
  bool blank = false;
  bool snapshot_needed = false;  ///< Own log cannot be joined: report no zxid, so that SNAP comes.
  std::uint32_t accepted = 0;    ///< Durable, as is `current`.
  std::uint32_t current = 0;
  std::int64_t round = 0;  ///< Logical clock of the election; in memory only.
  Vote vote;               ///< Final vote while following or leading.
  bool serving = false;
  /// Why this server must not decide anything any more, until it is started again: a committed
  /// config has a form this version does not know, or its tree has diverged twice.
  std::string without_vote;
  bool diverged = false;  ///< The tree is wrong until a whole one has been received.
  int divergences = 0;
  Zxid fuzzy_until;
  std::optional<LinkId> installing;  ///< A SNAP has begun; SnapshotInstalled has not come yet.
  /// Voters whose election link has ended, until it stands again. Noted in every role: a dead
  /// leader's links end in any order, and the election that follows must not wait for it.
  std::set<ServerId> unreachable;
  /// Whom the last election chose has not come to serve: the next one waits for late votes.
  bool chose_in_vain = false;
  std::optional<Leave> leave;
  std::int64_t penalty_ms = 0;

 private:
  struct OpenWrite {
    std::uint64_t number = 0;
    std::optional<Zxid> record;
    std::optional<std::uint32_t> accepted;
    std::optional<std::uint32_t> current;
  };
  std::deque<OpenWrite> open_writes;
  std::uint64_t next_write = 1;
  std::uint64_t synced_write = 0;
};

}  // namespace quorate::consensus
