#include "examples/lambda/batch/plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace lambda_app {

namespace {

using nlohmann::json;

json json_of(const SegmentInfo& segment) {
  return json::array(
      {segment.partition, segment.from, segment.to, segment.token, segment.records, segment.bytes});
}

SegmentInfo segment_of_json(const json& array) {
  SegmentInfo segment;
  segment.partition = array.at(0).get<PartitionNumber>();
  segment.from = array.at(1).get<Offset>();
  segment.to = array.at(2).get<Offset>();
  segment.token = array.at(3).get<std::int64_t>();
  segment.records = array.at(4).get<std::uint64_t>();
  segment.bytes = array.at(5).get<std::uint64_t>();
  return segment;
}

}  // namespace

std::string to_json(const Plan& plan) {
  json splits = json::array();
  for (const Split& split : plan.splits) {
    json segments = json::array();
    for (const SegmentInfo& segment : split) segments.push_back(json_of(segment));
    splits.push_back(std::move(segments));
  }
  return json{{"run", plan.run}, {"cuts", plan.cuts}, {"parts", plan.parts}, {"splits", splits}}
      .dump();
}

std::optional<Plan> plan_of(std::string_view text) {
  const json object = json::parse(text, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  // Another kind of value where a number should be is an exception of the library's.
  try {
    Plan plan;
    plan.run = object.at("run").get<std::uint64_t>();
    plan.cuts = object.at("cuts").get<std::vector<Offset>>();
    plan.parts = object.at("parts").get<std::uint32_t>();
    for (const json& segments : object.at("splits")) {
      Split split;
      for (const json& segment : segments) split.push_back(segment_of_json(segment));
      plan.splits.push_back(std::move(split));
    }
    if (plan.parts == 0) return std::nullopt;
    return plan;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

std::vector<Split> plan_splits(const std::vector<SegmentInfo>& segments,
                               const SplitLimits& limits) {
  std::uint64_t total = 0;
  for (const SegmentInfo& segment : segments) total += segment.bytes;
  const std::uint64_t aim = std::clamp(total / std::max<std::size_t>(limits.wanted, 1),
                                       limits.bytes_min, limits.bytes_max);
  std::vector<Split> splits;
  std::uint64_t bytes = 0;
  for (const SegmentInfo& segment : segments) {
    if (splits.empty() || bytes + segment.bytes > aim) {
      splits.emplace_back();
      bytes = 0;
    }
    splits.back().push_back(segment);
    bytes += segment.bytes;
  }
  return splits;
}

}  // namespace lambda_app
