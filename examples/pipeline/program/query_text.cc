#include "examples/pipeline/program/query_text.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <iterator>

#include "examples/pipeline/program/answers_json.h"

namespace pipeline_program {

using nlohmann::json;
using namespace pipeline;

namespace {

constexpr std::string_view kNames[] = {"from", "to", "prefix", "top", "step"};

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  return fault == std::errc() && end == text.data() + text.size();
}

}  // namespace

Fault wrong_parameter(const std::string& name, const std::string& value,
                      const std::string& expected) {
  return {FaultKind::BadArgument, name + "=" + value + ": expected " + expected};
}

Fault wrong_prefix(const Query& query, const SummaryOptions& options) {
  return wrong_parameter(
      "prefix", query.prefix,
      "directories, at most " + std::to_string(options.prefix_depth) + " deep, as /blog/");
}

std::optional<std::int64_t> time_ms_of(std::string_view text) {
  std::int64_t ms = 0;
  if (read_number(text, ms)) {
    return ms < -kTimeMsMax || ms > kTimeMsMax ? std::nullopt : std::optional(ms);
  }
  std::tm when{};
  const std::string whole(text);
  for (const char* format :
       {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    when = {};
    const char* const end = ::strptime(whole.c_str(), format, &when);
    if (end != nullptr && *end == '\0') return static_cast<std::int64_t>(::timegm(&when)) * 1'000;
  }
  return std::nullopt;
}

Result<Query> query_of(const Parameters& parameters,
                       std::initializer_list<std::string_view> further) {
  Query query;
  for (const auto& [name, value] : parameters) {
    const auto is = [&name = name](std::string_view known) { return name == known; };
    if (std::none_of(std::begin(kNames), std::end(kNames), is) &&
        std::none_of(further.begin(), further.end(), is)) {
      return Fault{FaultKind::BadArgument, name + " is no parameter of this question"};
    }
  }
  for (const auto& [name, bound] : {std::pair("from", &query.from_ms), {"to", &query.to_ms}}) {
    const auto at = parameters.find(name);
    if (at == parameters.end()) continue;
    const auto ms = time_ms_of(at->second);
    if (!ms) {
      return wrong_parameter(name, at->second, "milliseconds since 1970 or 2026-11-21T21:30:00Z");
    }
    *bound = *ms;
  }
  if (const auto at = parameters.find("prefix"); at != parameters.end()) query.prefix = at->second;
  if (const auto at = parameters.find("top"); at != parameters.end()) {
    if (!read_number(at->second, query.top) || query.top > kTopMax) {
      return wrong_parameter("top", at->second, "a number up to " + std::to_string(kTopMax));
    }
  }
  return query;
}

Result<Granularity> step_of(const Parameters& parameters) {
  const auto at = parameters.find("step");
  if (at == parameters.end() || at->second == "hour") return Granularity::Hour;
  if (at->second == "minute") return Granularity::Minute;
  if (at->second == "day") return Granularity::Day;
  return wrong_parameter("step", at->second, "minute, hour or day");
}

const char* name_of(Granularity step) {
  return step == Granularity::Minute ? "minute" : step == Granularity::Hour ? "hour" : "day";
}

Result<> add_series(const std::vector<std::pair<std::int64_t, Answer>>& series, json& object) {
  if (series.size() > kSeriesMax) {
    return Fault{FaultKind::BadArgument, std::to_string(series.size()) + " buckets are more than " +
                                             std::to_string(kSeriesMax) +
                                             ": narrow from and to, or take a longer step"};
  }
  json& all = object["series"] = json::array();
  for (const auto& [begin_ms, answer] : series) {
    all.push_back(json::array({begin_ms, to_json(answer)}));
  }
  return {};
}

std::string compact(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace pipeline_program
