#include "tests/sim/nemesis.h"

#include <algorithm>
#include <cstdio>

#include "base/ensure.h"
#include "tests/sim/recipes/recipes.h"
#include "tests/sim/world.h"

namespace quorate::sim {

Nemesis::Nemesis(World& world, Random random) : world_(world), random_(random), lot_(0) {
  const Faults& faults = world.plan.faults;
  bool ensemble = world.plan.servers > 1;
  if (faults.crash) enabled_.insert(enabled_.end(), 3, {"crash", &Nemesis::crash});
  if (faults.crash_all) enabled_.push_back({"crash-all", &Nemesis::crash_all});
  if (faults.partition && ensemble) enabled_.push_back({"partition", &Nemesis::partition});
  if (faults.one_way && ensemble) enabled_.push_back({"one-way", &Nemesis::one_way});
  if (faults.slow_link && ensemble) enabled_.push_back({"slow-link", &Nemesis::slow_link});
  if (faults.reset) enabled_.push_back({"reset", &Nemesis::reset});
  if (faults.slow_disk) enabled_.push_back({"slow-disk", &Nemesis::slow_disk});
  if (faults.freeze) enabled_.push_back({"freeze", &Nemesis::freeze});
  if (faults.client_drop) enabled_.push_back({"client-drop", &Nemesis::client_drop});
  if (faults.disk_error) enabled_.push_back({"disk-error", &Nemesis::disk_error});
  if (faults.disk_full) enabled_.push_back({"disk-full", &Nemesis::disk_full});
  if (faults.bit_flip) enabled_.push_back({"bit-flip", &Nemesis::bit_flip});
  if (faults.rolling_restart && ensemble) {
    enabled_.push_back({"rolling-restart", &Nemesis::rolling_restart});
  }
  if (faults.client_crash) enabled_.push_back({"client-crash", &Nemesis::client_crash});
  if (faults.wall_jump) enabled_.push_back({"wall-jump", &Nemesis::wall_jump});
  if (faults.reconfig) enabled_.insert(enabled_.end(), 3, {"reconfig", &Nemesis::reconfig});
  // Twice each: the promises of recipes are broken around their processes if anywhere.
  const struct {
    bool on;
    const char* name;
    void (Nemesis::*strike)();
  } of_processes[] = {{faults.process_freeze, "process-freeze", &Nemesis::process_freeze},
                      {faults.process_crash, "process-crash", &Nemesis::process_crash},
                      {faults.process_cut, "process-cut", &Nemesis::process_cut},
                      {faults.process_drop, "process-drop", &Nemesis::process_drop},
                      {faults.process_restart, "process-restart", &Nemesis::process_restart}};
  for (const auto& fault : of_processes) {
    if (fault.on) enabled_.insert(enabled_.end(), 2, {fault.name, fault.strike});
  }
}

void Nemesis::start() {
  if (!enabled_.empty()) next();
}

void Nemesis::next() {
  Micros pause = random_.between(1, 2 * world_.plan.fault_interval);
  // Every now and then two faults close together: most mistakes of the sync phase need that.
  if (random_.percent(30)) pause = random_.between(0, 150 * kMillisecond);
  world_.scheduler.after(pause, [this] {
    if (world_.scheduler.now() >= world_.plan.faults_end) return;
    strike();
    next();
  });
}

void Nemesis::strike() {
  lot_ = random_.fork();
  ++strikes_;
  const auto& [name, fault] = enabled_[lot_.below(enabled_.size())];
  if (left_out(name)) return;
  if (world_.plan.tell_strikes) {
    std::fprintf(stderr, "STRIKE %llu %s\n", static_cast<unsigned long long>(strikes_), name);
  }
  world_.trace.note("fault", name);
  (this->*fault)();
}

bool Nemesis::left_out(const char* name) const {
  const Plan& plan = world_.plan;
  return plan.without.contains(name) || (plan.only && !plan.only->contains(strikes_));
}

void Nemesis::heal() {
  world_.trace.note("heal", "");
  cut_at_reconfig_.reset();
  world_.network.heal();
  for (auto& server : world_.servers) server->heal();
  if (world_.recipes) world_.recipes->heal();
}

/// The leader half of the time.
Server& Nemesis::target() {
  if (lot_.percent(50)) {
    for (auto& server : world_.servers) {
      if (server->leading()) return *server;
    }
  }
  return *world_.servers[lot_.below(world_.servers.size())];
}

Micros Nemesis::down_time() {
  return lot_.percent(50) ? lot_.between(1, 100) * kMillisecond
                          : lot_.between(300, 5000) * kMillisecond;
}

Micros Nemesis::span() {
  return lot_.percent(40) ? lot_.between(5, 300) * kMillisecond
                          : lot_.between(500, 6000) * kMillisecond;
}

void Nemesis::crash() {
  static constexpr CrashPoint kPoints[] = {CrashPoint::None,    CrashPoint::Queued,
                                           CrashPoint::InGroup, CrashPoint::InGroup,
                                           CrashPoint::Synced,  CrashPoint::Told};
  // Most mistakes are made while an epoch begins.
  using consensus::EventKind;
  static constexpr EventKind kMoments[] = {EventKind::Looking,       EventKind::Elected,
                                           EventKind::EpochAccepted, EventKind::LearnerSyncing,
                                           EventKind::LearnerSynced, EventKind::Serving,
                                           EventKind::Truncated};
  Server& server = target();
  if (lot_.percent(20)) {
    return server.crash_at(kMoments[lot_.below(std::size(kMoments))], down_time());
  }
  CrashPoint point = kPoints[lot_.below(std::size(kPoints))];
  if (point != CrashPoint::None) return server.crash_at(point, down_time());
  bool silent = lot_.percent(50);
  server.crash(silent, lot_.percent(25) && !silent ? test::Loss::None : test::Loss::Seeded,
               down_time());
}

/// A power cut of the whole rack: no un-synced byte is safe anywhere.
void Nemesis::crash_all() {
  test::Loss loss = lot_.percent(50) ? test::Loss::All : test::Loss::Seeded;
  for (auto& server : world_.servers) server->crash(lot_.percent(50), loss, down_time());
}

void Nemesis::cut_between(const std::vector<HostId>& side) {
  auto inside = [&](HostId id) { return std::find(side.begin(), side.end(), id) != side.end(); };
  for (int a = 1; a <= world_.plan.servers; ++a) {
    for (int b = 1; b <= world_.plan.servers; ++b) {
      if (a != b && inside(a) != inside(b)) world_.network.cut(a, b);
    }
  }
  world_.scheduler.after(span(), [this] { world_.network.heal(); });
}

void Nemesis::partition() {
  std::vector<HostId> side{target().id()};
  auto more = lot_.below(static_cast<std::uint64_t>(world_.plan.servers) / 2 + 1);
  for (std::uint64_t i = 0; i < more; ++i) {
    side.push_back(static_cast<HostId>(lot_.between(1, world_.plan.servers)));
  }
  cut_between(side);
}

void Nemesis::one_way() {
  HostId one = target().id();
  bool all = lot_.percent(50), away = lot_.percent(50);
  for (int other = 1; other <= world_.plan.servers; ++other) {
    if (other == one || (!all && lot_.percent(50))) continue;
    away ? world_.network.cut(one, other) : world_.network.cut(other, one);
  }
  world_.scheduler.after(span(), [this] { world_.network.heal(); });
}

void Nemesis::slow_link() {
  HostId one = target().id();
  for (int other = 1; other <= world_.plan.servers; ++other) {
    if (other != one && lot_.percent(60)) {
      world_.network.slow(one, other, static_cast<int>(lot_.between(5, 100)));
      if (lot_.percent(50)) world_.network.slow(other, one, static_cast<int>(lot_.between(5, 100)));
    }
  }
  world_.scheduler.after(span(), [this] { world_.network.heal(); });
}

void Nemesis::reset() {
  HostId one = target().id();
  std::vector<ConnId> conns = world_.network.connections(one);
  if (!conns.empty()) world_.network.break_connection(conns[lot_.below(conns.size())]);
  HostId other = static_cast<HostId>(lot_.between(1, world_.plan.servers));
  if (other != one && lot_.percent(50)) world_.network.break_election_link(one, other);
}

void Nemesis::slow_disk() {
  Server& server = target();
  server.set_disk_slow(static_cast<int>(lot_.between(5, 200)));
  world_.scheduler.after(span(), [&server] { server.set_disk_slow(1); });
}

void Nemesis::freeze() {
  Micros limit = world_.plan.tick_time_ms * world_.plan.sync_limit * 3;
  target().freeze(lot_.between(5, std::max<Micros>(limit, 10)) * kMillisecond);
}

/// While it works, or while it is down: then the start meets it.
void Nemesis::disk_error() {
  Server& server = target();
  if (lot_.percent(70)) return server.fail_disk(lot_.between(1, 40), down_time());
  server.crash(lot_.percent(50), test::Loss::Seeded, down_time());
  server.fail_disk_at_start(lot_.between(1, 4));
}

void Nemesis::disk_full() {
  Server& server = target();
  server.fill_disk(lot_.below(64 << 10), down_time());
  world_.scheduler.after(span(), [&server] { server.free_disk(); });
}

/// One at a time, and only while all others hold their data: an ensemble that has lost more has
/// lost acknowledged writes, and no program can help it.
void Nemesis::bit_flip() {
  Server& server = target();
  if (!server.alive()) return;
  for (const auto& one : world_.servers) {
    if (one->damaged() || (one.get() != &server && !one->alive())) return;
  }
  server.crash(lot_.percent(50), test::Loss::Seeded, down_time());
  server.damage();
}

void Nemesis::client_drop() {
  world_.clients[lot_.below(world_.clients.size())]->drop();
}

/// One server after the other, as an upgrade does it.
void Nemesis::rolling_restart() {
  if (rolling_) return;
  rolling_ = true;
  roll(0, lot_.fork());
}

void Nemesis::roll(std::size_t index, Random lot) {
  if (index == world_.servers.size() || world_.scheduler.now() >= world_.plan.faults_end) {
    if (index == world_.servers.size()) REACHED("rolling restart");
    rolling_ = false;
    return;
  }
  Micros down = lot.between(50, 1000) * kMillisecond;
  world_.servers[index]->crash(/*silent=*/false, test::Loss::None, down);
  Micros pause = down + lot.between(100, 1500) * kMillisecond;
  world_.scheduler.after(pause, [this, index, lot] { roll(index + 1, lot); });
}

void Nemesis::client_crash() {
  Client& client = *world_.clients[lot_.below(world_.clients.size())];
  client.crash(/*silent=*/lot_.percent(50), down_time());
}

/// What an operator or a time server does to the clock on the wall.
void Nemesis::wall_jump() {
  constexpr std::int64_t kHourMs = 3600 * 1000;
  std::int64_t ms = lot_.percent(50) ? lot_.between(-kHourMs, kHourMs) : lot_.between(-3000, 3000);
  target().jump_wall(ms);
}

void Nemesis::process_freeze() {
  world_.recipes->freeze(lot_);
}

void Nemesis::process_crash() {
  const Micros down = down_time();
  world_.recipes->crash(lot_, down);
}

void Nemesis::process_cut() {
  const Micros time = span();
  world_.recipes->cut(lot_, time);
}

void Nemesis::process_drop() {
  world_.recipes->drop(lot_);
}

void Nemesis::process_restart() {
  world_.recipes->restart(lot_);
}

/// All members anew, the leader among them or not, or a change of one or two. Whoever is left out
/// follows on: nobody is away for good.
void Nemesis::reconfig() {
  const Plan& plan = world_.plan;
  MembersIntent wanted;
  wanted.anew = lot_.percent(60) || plan.reconfig_voters != 0;
  // Of two voters with one disk damaged nobody knows what the other had acknowledged (R45).
  const std::size_t voters_min = plan.faults.bit_flip ? 3 : 2;
  if (wanted.anew) {
    std::vector<int> ids;
    for (int id = 1; id <= plan.servers; ++id) ids.push_back(id);
    for (std::size_t i = ids.size(); i > 1; --i) std::swap(ids[i - 1], ids[lot_.below(i)]);
    auto voters = static_cast<std::size_t>(
        plan.reconfig_voters != 0
            ? plan.reconfig_voters
            : lot_.between(static_cast<std::int64_t>(voters_min), plan.servers));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      wanted.members[ids[i]] = i < voters         ? Part::Voter
                               : lot_.percent(50) ? Part::Observer
                                                  : Part::None;
    }
  } else {
    for (auto changes = lot_.between(1, 2); changes > 0; --changes) {
      bool grows = plan.faults.bit_flip || lot_.percent(50);
      Part less = lot_.percent(50) ? Part::Observer : Part::None;
      wanted.members[static_cast<int>(lot_.between(1, plan.servers))] = grows ? Part::Voter : less;
    }
  }
  cut_at_reconfig_.reset();
  if (lot_.percent(40)) cut_at_reconfig_ = lot_.fork();
  world_.clients[lot_.below(world_.clients.size())]->reconfig(wanted);
}

/// The moment at which two configs count: some learners hear neither of it nor of what comes
/// behind, and may elect another leader by the config that they know.
void Nemesis::reconfig_leaves(HostId leader, HostId learner) {
  if (!cut_at_reconfig_) return;
  if (!world_.network.any_cut()) {
    world_.scheduler.after(cut_at_reconfig_->between(500, 6000) * kMillisecond,
                           [this] { world_.network.heal(); });
  }
  if (cut_at_reconfig_->percent(60)) world_.network.cut(leader, learner);
}

}  // namespace quorate::sim
