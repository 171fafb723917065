// Runs a list of operations through the real code and the model, and compares.
#pragma once

#include <string>
#include <vector>

#include "tests/model/operation.h"

namespace quorate::model {

/// "" when both agree on everything; otherwise what they disagree on.
std::string run_trial(const std::vector<Operation>& operations, bool ttl);

}  // namespace quorate::model
