// What one seed stands for: size, knobs, and a random subset of faults (swarm testing: seeds that
// switch most faults off find other bugs than seeds that have them all).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "tests/sim/scheduler.h"

namespace quorate::sim {

/// Planted bugs, all outside the product's code: at the ports. A sweep that does not find one is
/// blind to the rule that it breaks.
enum class Mutant {
  None,
  AckBeforeSync,      ///< The disk answers before the group is durable (hazards 3911, 4646).
  LoseTruncate,       ///< A cut of the log is acknowledged, not carried out (hazard 3701).
  StaleLink,          ///< Bytes of a closed link arrive on its successor.
  ForgetEpoch,        ///< Epochs are acknowledged, not stored (hazard 2307).
  NoDirSync,          ///< A folder's sync does nothing: names may be gone after a power cut.
  IgnoreSyncError,    ///< A failed sync is taken for a good one (hazard R7).
  TrustBadRecord,     ///< The log is cut at its first bad record, durable or not (design.md 2).
  CommitOnMinority,   ///< A proposal counts as acknowledged by each learner it has been sent to.
  ReplyBeforeQuorum,  ///< A COMMIT goes out right behind its PROPOSAL: followers answer too soon.
  SessionNotRevived,  ///< What a learner hears of its clients does not reach the leader (R58).
  WatchAfterReply,    ///< An event leaves behind the next answer, which may show its change (R64).
  UnconfirmedSync,    ///< A leader takes its PINGs for answered: no quorum has confirmed (R62).
  NewQuorumOnly,  ///< Whom a reconfig leaves out counts as having it: the old quorum is not asked.
  LoseUpgrade,    ///< The createSession of a local session does not reach the leader.
  // Of the processes that use recipes: at their clock and their wire, or in how they use them.
  SlowClientClock,  ///< Clients' clocks run at half speed: in doubt only after others have won.
  LoseEvents,       ///< Some events of deleted nodes never arrive.
  ForgetMarks,      ///< A lost transaction that was carried out is not found by its mark.
  TrustOwner,       ///< Every ephemeral node that is read looks as if it was our session's.
  TrustHold,        ///< A lock is held until it is released, suspended or not.
  AckBeforeWork,    ///< An item is acknowledged when it is taken, not when it is done.
  CountOneLess,     ///< Participants of a double barrier count one too few.
  KeepWorking,      ///< A shard is given away at once and worked on for a while.
  NaiveTake,        ///< After a lost reply an item that is gone counts as taken by oneself.
  UnsortedLocks,    ///< Several locks are taken in the order in which they are named.
  LoseChildEvents,  ///< Some events of changed children never arrive.
};

struct Faults {
  bool crash = false;
  bool crash_all = false;
  bool partition = false;
  bool one_way = false;
  bool slow_link = false;
  bool reset = false;
  bool slow_disk = false;
  bool freeze = false;
  bool client_drop = false;
  bool disk_error = false;  ///< One operation fails: the process must end, nothing be lost.
  bool disk_full = false;
  bool bit_flip = false;  ///< In what was durable, on one server at a time.
  bool rolling_restart = false;
  bool client_crash = false;  ///< It comes back without its session.
  bool wall_jump = false;
  bool tick_skew = false;  ///< Clocks of different speed and late ticks, all the time.
  bool reconfig = false;   ///< No fault: servers lose their vote, get it back, observe, come new.
  // Of the processes that use recipes.
  bool process_freeze = false;  ///< Paused, often for longer than its session lives.
  bool process_crash = false;
  bool process_cut = false;  ///< From servers, in one direction or both.
  bool process_drop = false;
  bool process_restart = false;  ///< With a farewell.

  bool any() const {
    return crash || crash_all || partition || one_way || slow_link || reset || slow_disk ||
           freeze || client_drop || disk_error || disk_full || bit_flip || rolling_restart ||
           client_crash || wall_jump || tick_skew || reconfig || process_freeze || process_crash ||
           process_cut || process_drop || process_restart;
  }
};

struct Plan {
  std::uint64_t seed = 0;
  Mutant mutant = Mutant::None;
  int servers = 3;    ///< Observers and joiners included.
  int observers = 0;  ///< Behind the voters.
  int joiners = 0;    ///< The last ones: blank, unknown to the others until a reconfig.
  int clients = 4;
  int processes = 0;        ///< That use the real client library.
  unsigned work = 0;        ///< What these do: a bit each, as in work_names().
  int reconfig_voters = 0;  ///< So many whenever all members are named anew; 0: any number.
  Micros faults_end = 0;    ///< Everything is healed here.
  Micros load_end = 0;      ///< Clients stop issuing.
  Micros end = 0;
  Faults faults;
  Micros fault_interval = kSecond;  ///< Mean time between two faults.

  // Of a failed run that is made smaller: what is left out of its faults. All else stays as it is.
  std::set<std::string> without;                ///< Kinds, by their names in describe().
  std::optional<std::set<std::uint64_t>> only;  ///< By number, from 1; nothing: all.
  bool tell_strikes = false;                    ///< Prints each fault that strikes.

  // Knobs of the product; small values make rare paths frequent.
  std::int64_t tick_time_ms = 200;
  std::int32_t init_limit = 10, sync_limit = 5;
  /// The server that leads first, as a rule, has a syncLimit three times as long: it holds on long
  /// after the others have elected the next one. No promise may rest on equal limits.
  bool uneven_limits = false;
  std::int64_t max_notification_ms = 2000;
  std::size_t window_records = 500;
  std::int64_t snap_count = 100000;
  std::size_t checkpoint_dirty_bytes = 16u << 20;
  std::size_t checkpoint_log_bytes = 256u << 20;
  std::size_t slice_nodes = 2000;  ///< Encoded at once for a checkpoint.
  std::uint64_t segment_bytes = 1u << 20;
  std::size_t outstanding_max = 1000;
  std::size_t per_connection_max = 1000;
  std::size_t link_queue_max = 8u << 20;
  std::size_t proposals_max = 10000;  ///< Of a leader, not committed yet.
  bool reconfig_enabled = false;      ///< Configs have versions and travel with votes.

  // The world.
  Micros delay_min = 100, delay_mean = 300;  ///< One way between two hosts.
  unsigned chunk_percent = 10;               ///< How often bytes are split at a random border.
  Micros sync_min = 100, sync_mean = 500;    ///< One group of log records.
  int pipeline = 4;                          ///< Requests a client keeps in flight.
  Micros think_mean = 20 * kMillisecond;
  std::int32_t session_timeout_ms = 2000;
  /// Every other client only reads while there are faults: a write that cannot be committed would
  /// hold up whoever asks its server for the latest.
  bool readers = false;

  // Which servers promise more, or serve without a leader: a bit each, by id.
  unsigned linearizable_servers = 0;
  unsigned read_only_servers = 0;
  std::int64_t read_only_after_ms = 300;
  /// New sessions are known to their server alone; and become the ensemble's when they need it.
  bool local_sessions = false, upgrade_local_sessions = false;

  /// At the beginning.
  int voters() const { return servers - observers - joiners; }
  bool observes(int server) const { return server > voters() && !joins(server); }
  bool joins(int server) const { return server > servers - joiners; }
  bool standalone() const { return servers == 1; }
  bool skewed() const { return faults.tick_skew && !without.contains("tick-skew"); }
  bool linearizable(int server) const { return (linearizable_servers >> server & 1) != 0; }
  bool read_only(int server) const { return (read_only_servers >> server & 1) != 0; }
};

inline constexpr double kSecondsMin = 15;

/// `recipes`: with processes that use the client library and its recipes.
Plan make_plan(std::uint64_t seed, double seconds, Mutant mutant, bool recipes);
/// So long, with the same share of it for faults.
void set_length(Plan& plan, double seconds);
double seconds_of(const Plan& plan);
std::string describe(const Plan& plan);

/// Whether it is planted in the processes that use recipes.
bool of_recipes(Mutant mutant);
/// False when there is no such mutant.
bool parse_mutant(const std::string& name, Mutant& mutant);
const char* name_of(Mutant mutant);
std::string mutant_names();

}  // namespace quorate::sim
