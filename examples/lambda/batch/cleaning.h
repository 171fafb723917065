// What old runs have left, and who still needs it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "examples/lambda/places.h"

namespace lambda_app {

/// Names in the shared folder that belong to the batch layer and that nobody needs any more:
/// folders of runs that are served, given up or older, views that neither the served generation nor
/// the one before it names. `active` is the run under way, or 0; what is as new as that, or newer,
/// stays.
///
/// Nothing that is garbage ever becomes something else: a deposed leader that still cleans, by what
/// it knew, does no harm.
std::vector<std::string> garbage(const std::vector<std::string>& names, const Generation& served,
                                 std::uint64_t active);

/// Numbers of runs whose znodes can go: those before the served one and, once a later run is under
/// way, those given up.
std::vector<std::uint64_t> old_runs(const std::vector<std::uint64_t>& runs,
                                    const Generation& served, std::uint64_t active);

}  // namespace lambda_app
