// All that a summary can say, as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "examples/pipeline/summary.h"

namespace pipeline_program {

/// {"hits":..,"bytes":..,"1xx":..,...,"other":..,"visitors":..,"sessions":..,"session_hits":..,
/// "session_ms":..,"session_max_ms":..,"pages":[["/a",5],...],"referrers":[...]}
nlohmann::json to_json(const pipeline::Answer& answer);

/// For every prefix that has events and all above it: {"/blog/": {"total": answer, "day": [[ms,
/// answer],...], "hour": [...], "minute": [...]}}.
template <class Visitors>
nlohmann::json all_answers(const pipeline::BasicSummary<Visitors>& summary, std::size_t top);

extern template nlohmann::json all_answers(const pipeline::Summary&, std::size_t);
extern template nlohmann::json all_answers(const pipeline::SketchSummary&, std::size_t);

/// One line per element at the top, so that a person can page through it. What is no UTF-8 is
/// replaced.
std::string dump(const nlohmann::json& value);

}  // namespace pipeline_program
