// One run: everything that lives in one seed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/sim/checks.h"
#include "tests/sim/client.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/network.h"
#include "tests/sim/plan.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/server.h"
#include "tests/sim/trace.h"

namespace quorate::sim {

class Recipes;

struct Outcome {
  std::string violation;  ///< Empty: every promise was kept.
  Micros when = 0;
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
  std::size_t commits = 0, acknowledged = 0;
};

struct World {
  World(const Plan& plan, bool print);
  ~World();

  /// Runs the plan to its end, or to the first violation.
  Outcome run();

  Plan plan;
  Random random;  ///< Only to fork from: each part has its own stream.
  Scheduler scheduler;
  Trace trace;
  Checks checks;
  Network network;
  std::vector<std::unique_ptr<Server>> servers;
  std::vector<std::unique_ptr<Client>> clients;
  Nemesis nemesis;
  std::unique_ptr<Recipes> recipes;  ///< Where the plan has processes.

 private:
  void run_until(Micros when);
  void check_progress() const;
  void settle();
};

}  // namespace quorate::sim
