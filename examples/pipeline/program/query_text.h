// Questions as a browser asks them, and answers as it reads them: the same for every application.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "examples/pipeline/result.h"
#include "examples/pipeline/summary.h"

namespace pipeline_program {

using Parameters = std::map<std::string, std::string>;

/// ?from=TIME&to=TIME&prefix=/blog/&top=10, each of them optional. TIME is milliseconds since 1970
/// or UTC as 2026-11-21, 2026-11-21T21:30, 2026-11-21T21:30:00Z. BadArgument names the parameter.
pipeline::Result<pipeline::Query> query_of(const Parameters& parameters);
/// ?step=minute|hour|day; hour if it is not there.
pipeline::Result<pipeline::Granularity> step_of(const Parameters& parameters);

std::optional<std::int64_t> time_ms_of(std::string_view text);

/// [[begin_ms, answer], ...]
nlohmann::json to_json(const std::vector<std::pair<std::int64_t, pipeline::Answer>>& series);

/// One line; what is no UTF-8 is replaced.
std::string compact(const nlohmann::json& value);

}  // namespace pipeline_program
