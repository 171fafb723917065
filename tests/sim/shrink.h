// A run that fails is made smaller as long as it still fails: first whole kinds of faults are left
// out, then single ones, then it gets shorter.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "tests/sim/plan.h"

namespace quorate::sim {

struct Shrunk {
  Plan plan;
  std::size_t runs = 0;  ///< So many it took.
  std::size_t strikes_before = 0, strikes_after = 0;
  std::string complaint;
};

/// Nothing when the plan does not fail again.
std::optional<Shrunk> shrink(const Plan& failed);

}  // namespace quorate::sim
