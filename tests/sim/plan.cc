#include "tests/sim/plan.h"

#include <cmath>
#include <iterator>

#include "base/random.h"

namespace quorate::sim {
namespace {

template <class T, std::size_t N>
T one_of(Random& random, const T (&values)[N]) {
  return values[random.below(N)];
}

void choose_faults(Plan& plan, Random random) {
  if (random.percent(12)) return;  // A healthy world: nothing at all may go wrong in it.
  Faults& faults = plan.faults;
  faults.crash = random.percent(65);
  faults.crash_all = random.percent(35);
  faults.partition = random.percent(50);
  faults.one_way = random.percent(30);
  faults.slow_link = random.percent(30);
  faults.reset = random.percent(50);
  faults.slow_disk = random.percent(35);
  faults.freeze = random.percent(35);
  faults.client_drop = random.percent(50);
  plan.fault_interval = one_of(random, {300, 700, 1500, 3000}) * kMillisecond;
  faults.disk_error = random.percent(35);
  faults.disk_full = random.percent(25);
  // Few plans have a server alone, which must refuse what an ensemble mends.
  faults.bit_flip = random.percent(plan.servers == 1 ? 90 : 30);
  faults.rolling_restart = random.percent(25);
  faults.client_crash = random.percent(35);
  faults.wall_jump = random.percent(25);
  faults.tick_skew = random.percent(25);
  // The mutants of other rules keep the members for which they have been chosen.
  faults.reconfig = random.percent(45) && plan.servers >= 3 && plan.mutant == Mutant::None;
}

/// Each planted bug needs its fault, and shows sooner in the ensemble that it hurts.
void favour_mutant(Plan& plan) {
  Faults& faults = plan.faults;
  switch (plan.mutant) {
    case Mutant::NoDirSync:
      faults.crash_all = true;
      break;
    case Mutant::IgnoreSyncError:
      faults.disk_error = true;
      break;
    case Mutant::TrustBadRecord:
      faults.bit_flip = true;
      break;
    case Mutant::LoseTruncate:
      faults.crash = faults.partition = true;
      break;
    case Mutant::StaleLink:
      faults.reset = faults.slow_link = faults.crash = true;
      plan.fault_interval = 300 * kMillisecond;
      break;
    case Mutant::CommitOnMinority:
      faults.partition = faults.crash = true;
      plan.chunk_percent = 0;  // What is planted stands between two packets.
      break;
    case Mutant::ReplyBeforeQuorum:
      faults.partition = faults.crash = true;
      break;
    case Mutant::UnconfirmedSync:  // And nothing that ends a partition early.
      faults = {};
      faults.partition = faults.client_drop = true;
      plan.fault_interval = 3 * kSecond;
      plan.clients = 2;  // A write of another client of that leader would hold up the sync.
      plan.think_mean = 10 * kMillisecond;
      plan.tick_time_ms = 100;
      break;
    case Mutant::NewQuorumOnly:
      faults = {};
      faults.partition = faults.reconfig = true;
      plan.fault_interval = 300 * kMillisecond;
      plan.reconfig_voters = 3;  // Of five: one old quorum in two knows nothing of it.
      plan.chunk_percent = 0;    // What is planted stands between two packets.
      break;
    case Mutant::LoseUpgrade:
      plan.local_sessions = plan.upgrade_local_sessions = !plan.standalone();
      break;
    default:
      break;
  }
}

void choose_knobs(Plan& plan, Random random) {
  plan.tick_time_ms = one_of<std::int64_t>(random, {50, 100, 200, 400});
  plan.init_limit = static_cast<std::int32_t>(random.between(6, 12));
  plan.sync_limit = static_cast<std::int32_t>(random.between(4, 6));
  plan.max_notification_ms = one_of<std::int64_t>(random, {500, 1600, 3000});
  plan.window_records = one_of<std::size_t>(random, {5, 30, 100, 500});
  plan.snap_count = one_of<std::int64_t>(random, {20, 100, 500, 100000});
  plan.segment_bytes = one_of<std::uint64_t>(random, {64u << 10, 256u << 10, 1u << 20});
  plan.outstanding_max = one_of<std::size_t>(random, {4, 50, 1000, 1000});
  plan.per_connection_max = one_of<std::size_t>(random, {2, 20, 1000, 1000});
  if (random.percent(30)) plan.checkpoint_dirty_bytes = 8u << 10;
  if (random.percent(30)) plan.checkpoint_log_bytes = 32u << 10;
  plan.slice_nodes = one_of<std::size_t>(random, {1, 3, 10, 2000});
  plan.proposals_max = one_of<std::size_t>(random, {50, 10000});
  plan.reconfig_enabled = random.percent(40);
}

void choose_world(Plan& plan, Random random) {
  plan.delay_min = one_of<Micros>(random, {20, 100, 500});
  plan.delay_mean = one_of<Micros>(random, {50, 300, 2000});
  plan.chunk_percent = one_of<unsigned>(random, {0, 5, 30, 90});
  plan.sync_min = one_of<Micros>(random, {30, 100, 1000});
  plan.sync_mean = one_of<Micros>(random, {50, 500, 4000});
  plan.pipeline = static_cast<int>(random.between(1, 8));
  plan.think_mean = one_of<Micros>(random, {20, 50, 100}) * kMillisecond;
  auto ticks = static_cast<std::int32_t>(random.between(8, 20));
  plan.session_timeout_ms =
      std::max<std::int32_t>(800, ticks * static_cast<std::int32_t>(plan.tick_time_ms));
}

/// Sometimes a server more, which only a reconfig makes known to the others.
void choose_members(Plan& plan, Random random) {
  plan.joiners = plan.faults.reconfig && random.percent(40) ? 1 : 0;
  plan.servers += plan.joiners;
}

/// About a third of the servers each, every seed another part of them.
void choose_services(Plan& plan, Random random) {
  for (int id = 1; id <= plan.servers; ++id) {
    if (random.percent(35)) plan.linearizable_servers |= 1U << id;
    if (random.percent(40)) plan.read_only_servers |= 1U << id;
  }
  plan.read_only_after_ms = one_of<std::int64_t>(random, {100, 300, 1000});
  plan.uneven_limits = random.percent(25) || plan.mutant == Mutant::UnconfirmedSync;
  plan.readers = random.percent(30) || plan.mutant == Mutant::UnconfirmedSync;
  plan.local_sessions = random.percent(30) && !plan.standalone() && plan.mutant == Mutant::None;
  plan.upgrade_local_sessions = plan.local_sessions && random.percent(65);
}

/// Kinds of work by their place in work_names().
enum Work : unsigned {
  kLock = 1U << 0,
  kLatch = 1U << 3,
  kQueue = 1U << 5,
  kCounter = 1U << 6,
  kRounds = 1U << 8,
  kMember = 1U << 10,
  kShards = 1U << 11,
  kPlainQueues = 1U << 12,
  kMultiLock = 1U << 13,
  kGroup = 1U << 15,
};
constexpr unsigned kKindsOfWork = 18;

void favour_recipe_mutant(Plan& plan) {
  Faults& faults = plan.faults;
  switch (plan.mutant) {
    case Mutant::SlowClientClock:
    case Mutant::TrustHold:
      plan.work = kLock | kLatch;
      faults.process_cut = true;
      break;
    case Mutant::LoseEvents:
      plan.work = kLock;
      break;
    case Mutant::ForgetMarks:
      plan.work = kCounter;
      plan.processes = 5;
      plan.fault_interval = std::min(plan.fault_interval, 300 * kMillisecond);
      faults.process_cut = faults.process_drop = true;
      break;
    case Mutant::TrustOwner:
      plan.work = kMember;
      faults.process_crash = true;
      break;
    case Mutant::AckBeforeWork:
      plan.work = kQueue;
      faults.process_crash = true;
      break;
    case Mutant::CountOneLess:
      plan.work = kRounds;
      plan.processes = 4;
      break;
    case Mutant::KeepWorking:
      plan.work = kShards;
      break;
    case Mutant::NaiveTake:
      plan.work = kPlainQueues;
      faults.process_cut = faults.process_drop = true;
      break;
    case Mutant::UnsortedLocks:
      plan.work = kMultiLock;
      break;
    case Mutant::LoseChildEvents:
      plan.work = kGroup;
      break;
    default:
      break;
  }
}

/// Locks are promised under a condition (docs/recipes.md): a server that is cut off from its leader
/// goes on answering for syncLimit ticks, in which time no session may expire whose client believes
/// in it. So a third of the timeout has to be longer than that.
void choose_recipes(Plan& plan, Random random) {
  plan.processes = static_cast<int>(random.between(2, 5));
  plan.clients = static_cast<int>(random.between(1, 2));
  for (auto kinds = random.between(2, 5); kinds > 0; --kinds) {
    plan.work |= 1U << random.below(kKindsOfWork);
  }
  plan.tick_time_ms = one_of<std::int64_t>(random, {50, 50, 100, 200});
  plan.session_timeout_ms =
      std::max(800, 3 * (plan.sync_limit + 2) * static_cast<std::int32_t>(plan.tick_time_ms));
  plan.uneven_limits = plan.readers = false;
  plan.local_sessions = false;  // Their work is ephemeral nodes.
  if (plan.faults.any() || plan.mutant != Mutant::None) {
    plan.faults.process_freeze = random.percent(50);
    plan.faults.process_crash = random.percent(50);
    plan.faults.process_cut = random.percent(60);
    plan.faults.process_drop = random.percent(60);
    plan.faults.process_restart = random.percent(30);
  }
  favour_recipe_mutant(plan);
}

struct MutantName {
  const char* name;
  Mutant mutant;
};
constexpr MutantName kMutants[] = {{"ack-before-sync", Mutant::AckBeforeSync},
                                   {"lose-truncate", Mutant::LoseTruncate},
                                   {"stale-link", Mutant::StaleLink},
                                   {"forget-epoch", Mutant::ForgetEpoch},
                                   {"no-dir-sync", Mutant::NoDirSync},
                                   {"ignore-sync-error", Mutant::IgnoreSyncError},
                                   {"trust-bad-record", Mutant::TrustBadRecord},
                                   {"commit-on-minority", Mutant::CommitOnMinority},
                                   {"reply-before-quorum", Mutant::ReplyBeforeQuorum},
                                   {"session-not-revived", Mutant::SessionNotRevived},
                                   {"unconfirmed-sync", Mutant::UnconfirmedSync},
                                   {"watch-after-reply", Mutant::WatchAfterReply},
                                   {"new-quorum-only", Mutant::NewQuorumOnly},
                                   {"lose-upgrade", Mutant::LoseUpgrade},
                                   {"slow-client-clock", Mutant::SlowClientClock},
                                   {"lose-events", Mutant::LoseEvents},
                                   {"forget-marks", Mutant::ForgetMarks},
                                   {"trust-owner", Mutant::TrustOwner},
                                   {"trust-hold", Mutant::TrustHold},
                                   {"ack-before-work", Mutant::AckBeforeWork},
                                   {"count-one-less", Mutant::CountOneLess},
                                   {"keep-working", Mutant::KeepWorking},
                                   {"naive-take", Mutant::NaiveTake},
                                   {"unsorted-locks", Mutant::UnsortedLocks},
                                   {"lose-child-events", Mutant::LoseChildEvents}};

}  // namespace

bool of_recipes(Mutant mutant) {
  return mutant >= Mutant::SlowClientClock;
}

Plan make_plan(std::uint64_t seed, double seconds, Mutant mutant, bool recipes) {
  Random random(seed * 0x9e3779b97f4a7c15ULL + 1);
  Plan plan;
  plan.seed = seed;
  plan.mutant = mutant;
  plan.servers = one_of(random, {3, 3, 3, 3, 3, 3, 5, 5, 5, 1});
  if (plan.mutant == Mutant::ReplyBeforeQuorum || plan.mutant == Mutant::NewQuorumOnly) {
    plan.servers = 5;
  }
  if (!plan.standalone() && random.percent(30)) {
    plan.observers = static_cast<int>(random.between(1, 2));
    plan.servers += plan.observers;
  }
  plan.clients = static_cast<int>(random.between(2, 6));
  set_length(plan, seconds);
  choose_faults(plan, random.fork());
  choose_knobs(plan, random.fork());
  choose_world(plan, random.fork());
  choose_services(plan, random.fork());
  choose_members(plan, random.fork());
  favour_mutant(plan);
  if (recipes) choose_recipes(plan, random.fork());
  plan.reconfig_enabled = plan.reconfig_enabled || plan.faults.reconfig;
  return plan;
}

void set_length(Plan& plan, double seconds) {
  plan.end = std::llround(seconds * static_cast<double>(kSecond));
  plan.faults_end = plan.end * 6 / 10;
  plan.load_end = plan.end - 4 * kSecond;
}

double seconds_of(const Plan& plan) {
  return static_cast<double>(plan.end) / static_cast<double>(kSecond);
}

std::string describe(const Plan& plan) {
  const Faults& f = plan.faults;
  std::string text = "servers=" + std::to_string(plan.voters()) +
                     (plan.observers == 0 ? "" : "+" + std::to_string(plan.observers)) +
                     (plan.joiners == 0 ? "" : "+joiner") +
                     " clients=" + std::to_string(plan.clients) +
                     (plan.processes == 0 ? "" : " processes=" + std::to_string(plan.processes)) +
                     " tick=" + std::to_string(plan.tick_time_ms) +
                     " snapCount=" + std::to_string(plan.snap_count) +
                     " window=" + std::to_string(plan.window_records) +
                     (plan.reconfig_enabled ? " reconfig" : "") +
                     (plan.upgrade_local_sessions ? " upgraded-sessions"
                      : plan.local_sessions       ? " local-sessions"
                                                  : "") +
                     " faults=";
  const struct {
    bool on;
    const char* name;
  } all[] = {{f.crash, "crash"},
             {f.crash_all, "crash-all"},
             {f.partition, "partition"},
             {f.one_way, "one-way"},
             {f.slow_link, "slow-link"},
             {f.reset, "reset"},
             {f.slow_disk, "slow-disk"},
             {f.freeze, "freeze"},
             {f.client_drop, "client-drop"},
             {f.disk_error, "disk-error"},
             {f.disk_full, "disk-full"},
             {f.bit_flip, "bit-flip"},
             {f.rolling_restart, "rolling-restart"},
             {f.client_crash, "client-crash"},
             {f.wall_jump, "wall-jump"},
             {f.tick_skew, "tick-skew"},
             {f.reconfig, "reconfig"},
             {f.process_freeze, "process-freeze"},
             {f.process_crash, "process-crash"},
             {f.process_cut, "process-cut"},
             {f.process_drop, "process-drop"},
             {f.process_restart, "process-restart"}};
  bool first = true;
  for (const auto& fault : all) {
    if (!fault.on) continue;
    if (!first) text += ',';
    text += fault.name;
    first = false;
  }
  if (first) text += "none";
  return text;
}

bool parse_mutant(const std::string& name, Mutant& mutant) {
  for (const MutantName& known : kMutants) {
    if (name != known.name) continue;
    mutant = known.mutant;
    return true;
  }
  return false;
}

const char* name_of(Mutant mutant) {
  for (const MutantName& known : kMutants) {
    if (known.mutant == mutant) return known.name;
  }
  return "none";
}

std::string mutant_names() {
  std::string names;
  for (const MutantName& known : kMutants) {
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  return names;
}

}  // namespace quorate::sim
