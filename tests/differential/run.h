// One seed: a random conversation below a node of its own, a look at every node that is left, and
// everything deleted again.
#pragma once

#include <cstdint>
#include <set>

#include "tests/differential/conversation.h"

namespace quorate::differential {

struct RunOptions {
  std::uint64_t seed = 1;
  std::uint64_t requests = 1000;    ///< About how many; a step is not cut.
  std::uint64_t upto = UINT64_MAX;  ///< Stops behind this step.
  std::set<std::int32_t> skip;
  bool quota = false;
  bool whole = false;
  bool verbose = false;
};

/// "" when both servers answered alike.
Difference run_seed(Conversation& conversation, Normaliser& rules, const RunOptions& options);

}  // namespace quorate::differential
