#include "tests/sim/recipes/recipes.h"

#include "tests/sim/recipes/process.h"
#include "tests/sim/world.h"

namespace quorate::sim {

Recipes::Recipes(World& world, Random random) : promises(world), world_(world), random_(random) {
  for (int number = 0; number < world.plan.processes; ++number) {
    processes_.push_back(std::make_unique<Process>(world, promises, number, random_.fork()));
  }
}

Recipes::~Recipes() = default;

void Recipes::start() {
  for (auto& process : processes_) {
    world_.scheduler.after(random_.between(0, 1000) * kMillisecond,
                           [&process] { process->start(); });
  }
}

void Recipes::heal() {
  for (auto& process : processes_) process->thaw();
}

void Recipes::check_progress() {
  promises.check_progress();
}

void Recipes::finish() {
  promises.finish();
  for (const auto& process : processes_) check_end(*process);
  promises.raise();
}

/// What it knows equals what there is, if it has had the time to learn it.
void Recipes::check_end(const Process& process) const {
  if (!process.current() || world_.scheduler.now() - process.current_since() < 3 * kSecond) return;
  for (const auto& check : process.life().at_end) {
    const std::string differs = check();
    if (differs.empty()) continue;
    throw Violation("process " + std::to_string(process.number()) + " at the end: " + differs);
  }
}

bool Recipes::uses(SessionId session) const {
  for (const auto& process : processes_) {
    if (process->session() == session) return true;
  }
  return false;
}

// ---- Faults
// --------------------------------------------------------------------------------------

Process& Recipes::any(Random& lot) {
  return *processes_[lot.below(processes_.size())];
}

/// Half of the time for longer than its session lives without it.
void Recipes::freeze(Random& lot) {
  const std::int64_t timeout = world_.plan.session_timeout_ms;
  const std::int64_t ms =
      lot.percent(50) ? lot.between(10, timeout) : lot.between(timeout, timeout * 5 / 2);
  any(lot).freeze(ms * kMillisecond);
}

void Recipes::crash(Random& lot, Micros down) {
  Process& process = any(lot);
  process.crash(/*silent=*/lot.percent(50), down);
}

/// From some servers or all, in one direction or both.
void Recipes::cut(Random& lot, Micros span) {
  const HostId host = any(lot).host();
  const bool all = lot.percent(50);
  const std::uint64_t way = lot.below(3);
  for (int server = 1; server <= world_.plan.servers; ++server) {
    if (!all && lot.percent(50)) continue;
    if (way != 0) world_.network.cut(host, server);
    if (way != 1) world_.network.cut(server, host);
  }
  world_.scheduler.after(span, [this] { world_.network.heal(); });
}

void Recipes::drop(Random& lot) {
  any(lot).drop();
}

void Recipes::restart(Random& lot) {
  any(lot).say_farewell();
}

}  // namespace quorate::sim
