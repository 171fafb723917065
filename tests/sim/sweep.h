// Many seeds, each in a child process.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ensure.h"
#include "tests/sim/plan.h"

namespace quorate::sim {

struct SweepOptions {
  std::string program;
  std::uint64_t first = 0, last = 0;
  int jobs = 1;
  double seconds = 60;
  Mutant mutant = Mutant::None;
  bool recipes = false;  ///< With processes that use the client library.
  bool trace = false;
  bool list_reached = false;
  bool keep_going = false;                      ///< Do not stop at the first broken seed.
  bool shrink = true;                           ///< Make the first broken seed smaller.
  std::string must_reach;                       ///< File with one name of a situation per line.
  std::set<std::string> without;                ///< As in Plan.
  std::optional<std::set<std::uint64_t>> only;  ///< As in Plan.
};

Plan plan_of(const SweepOptions& options, std::uint64_t seed);

/// Exit code: 0 all fine, 1 a promise broken or a situation never reached. Stops at the first
/// broken seed; seeds already begun are finished.
int sweep(const SweepOptions& options);

std::string replay_command(const std::string& program, const Plan& plan);
void print_reached(const std::vector<ReachedCount>& counts);

}  // namespace quorate::sim
