// All generations at a glance, for people and for the API.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "examples/kappa/generations.h"
#include "examples/pipeline/bus.h"

namespace kappa_app {

/// {"active":2,"previous":1,"generations":[{"generation":1,"state":"previous","code":"v1",
/// "session_gap_ms":..,"prefix_depth":..,"lag":[0,3],"workers":[{"id":..,"pid":..,"refused":0}]},
/// ...]}. `lag` is empty for retired ones.
pipeline::Result<nlohmann::json> table_of(Generations& generations, pipeline::Bus& bus,
                                          std::uint64_t lag_max);

/// The same as lines of text.
std::string lines_of(const nlohmann::json& table);

}  // namespace kappa_app
