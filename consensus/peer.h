// The door to consensus: step() an input, take_ready() what it asks for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "consensus/input.h"
#include "consensus/membership.h"
#include "consensus/ready.h"

namespace quorate::consensus {

struct PeerOptions {
  ServerId self;
  Ensemble ensemble;
  /// One server without an ensemble: it leads itself at once, without election or a new epoch, so
  /// that zxids run on as ZooKeeper's standalone server has them. The same pipeline otherwise.
  bool standalone = false;
  bool observer = false;  ///< peerType, for a server that the config does not name.
  /// Configs are changed by reconfig txns and by what NEWLEADER says; servers that the config does
  /// not name may follow, without a vote. Off: what the file says holds.
  bool reconfig_enabled = false;
  std::int64_t tick_time_ms = 2000;
  std::int32_t init_limit = 10;  ///< Ticks to connect and sync.
  std::int32_t sync_limit = 5;   ///< Ticks a learner may lag or be silent.
  std::int64_t min_notification_ms = 200;
  std::int64_t max_notification_ms = 60000;
  /// The recent log kept in memory for DIFF (commitLogCount); never less than what is unapplied.
  std::size_t window_records = 500;
  std::size_t window_bytes = 16u << 20;
  /// The last counter of an epoch is the one before this (R50). Smaller only in tests.
  std::uint32_t counter_end = 0xffffffff;
  /// Outstanding proposals of the leader; at the limit no request leaves Ready.requests.
  std::size_t outstanding_max = 10000;
  std::size_t max_field =
      2 * std::size_t{0xfffff};  ///< jute.maxbuffer + extra size, for packet fields.
};

/// What recovery found on disk.
struct DurableState {
  /// No data at all: reports zxid -1, neither votes nor counts until a leader has synced it.
  /// Storage reports it until the first StoreCurrentEpoch is durable, whatever else has been
  /// written: a server that crashed half way through its first sync is still blank (R45).
  bool blank = false;
  std::uint32_t accepted_epoch = 0;
  std::uint32_t current_epoch = 0;
  Zxid checkpoint;                 ///< The tree has been rebuilt as of this zxid: "applied".
  Zxid log_base;                   ///< The zxid just before records.front().
  std::vector<LogRecord> records;  ///< Log, in order; those > checkpoint are not applied yet.
  std::string config{};            ///< Of /zookeeper/config as of the checkpoint; may be empty.
};

enum class Role { Looking, Following, Leading, Observing };
const char* name_of(Role role);

/// ZAB as a state machine: no clock, thread, I/O, log. Same inputs, same outputs.
///
/// Promises (consensus-hazards section 8): a commit appears in Ready.commits only if it is
/// committed and durable here; ACK and NEWLEADER's ACK are sent only after LogSynced covered what
/// they speak of; an epoch is spoken of only after it is durable.
class Peer {
 public:
  Peer(PeerOptions options, DurableState state, Random random);
  ~Peer();

  void step(Input input);
  bool has_ready() const;
  /// Empties what has accumulated. Every write in it gets the next number.
  Ready take_ready();

  Role role() const;
  bool serving() const;  ///< Between Serving and ServiceLost.
  std::optional<ServerId> leader() const;
  /// Whether the leader answers a sync only after a quorum has confirmed it: ours do.
  bool proves_syncs() const;
  const Membership& membership() const;
  /// Leader: whether a quorum of `config` is connected and synced, as a reconfig to it needs.
  bool quorum_synced(const Ensemble& config) const;
  /// Leader while serving only.
  Zxid next_zxid() const;
  /// Leader: whether a Propose is allowed now; false at the outstanding limit, while not serving
  /// and when the counter of this epoch has run out.
  bool may_propose() const;
  Zxid applied() const;
  Zxid committed() const;
  Zxid last_logged() const;
  std::uint32_t accepted_epoch() const;
  std::uint32_t current_epoch() const;
  std::size_t outstanding() const;  ///< Proposals not yet committed.
  /// Leader.
  struct LearnerCounts {
    std::size_t connected = 0;
    std::size_t synced_followers = 0;
    std::size_t synced_observers = 0;
    std::size_t synced_non_voting = 0;
  };
  LearnerCounts learner_counts() const;
  std::vector<ServerId> synced_observers() const;
  /// Txns up to this zxid are applied in ReplayMode::Fuzzy: a ZooKeeper leader's SNAP may already
  /// hold their effects. Zxid{0} when none.
  Zxid fuzzy_until() const;
  /// A new checkpoint exists as of `zxid`: a DurableState made from disk would start there. Lets
  /// the window forget records beyond its limits.
  void checkpointed(Zxid zxid);

  /// Checks the whole peer (invariants.cc); used after every step in tests and simulation.
  void check_invariants() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quorate::consensus
