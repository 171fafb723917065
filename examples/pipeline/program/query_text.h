// Questions as a browser asks them, and answers as it reads them: the same for every application.
#pragma once

#include <initializer_list>
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

inline constexpr std::size_t kTopMax = 1'000;
inline constexpr std::size_t kSeriesMax = 20'000;  ///< Buckets in one answer.

/// ?from=TIME&to=TIME&prefix=/blog/&top=10, each of them optional. TIME is milliseconds since 1970
/// or UTC as 2026-11-21, 2026-11-21T21:30, 2026-11-21T21:30:00Z. BadArgument names the parameter;
/// `further` names those that the program reads by itself.
pipeline::Result<pipeline::Query> query_of(const Parameters& parameters,
                                           std::initializer_list<std::string_view> further = {});
/// ?step=minute|hour|day; hour if it is not there.
pipeline::Result<pipeline::Granularity> step_of(const Parameters& parameters);
const char* name_of(pipeline::Granularity step);

std::optional<std::int64_t> time_ms_of(std::string_view text);

/// "name=value: expected ..."
pipeline::Fault wrong_parameter(const std::string& name, const std::string& value,
                                const std::string& expected);
/// Why a query cannot be answered whose prefix is not one of `options`.
pipeline::Fault wrong_prefix(const pipeline::Query& query, const pipeline::SummaryOptions& options);

/// [[begin_ms, answer], ...] as "series" of `object`. BadArgument: more than kSeriesMax.
pipeline::Result<> add_series(const std::vector<std::pair<std::int64_t, pipeline::Answer>>& series,
                              nlohmann::json& object);

/// One line; what is no UTF-8 is replaced.
std::string compact(const nlohmann::json& value);

}  // namespace pipeline_program
