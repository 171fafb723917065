#include "examples/lambda/speed_topology.h"

#include <array>
#include <utility>

#include "examples/lambda/operator_states.h"

namespace lambda_app {

namespace {

constexpr std::array<const char*, 3> kBugNames = {"", "drop-errors", "count-twice"};

std::unique_ptr<Operator> make_bug(Bug bug) {
  if (bug == Bug::DropErrors) return std::make_unique<DropErrorsBug>();
  return std::make_unique<CountTwiceBug>();
}

}  // namespace

std::optional<Bug> bug_of(std::string_view name) {
  for (std::size_t i = 0; i < kBugNames.size(); ++i) {
    if (name == kBugNames[i]) return static_cast<Bug>(i);
  }
  return std::nullopt;
}

const char* name_of(Bug bug) {
  return kBugNames[static_cast<std::size_t>(bug)];
}

Topology speed_topology(const Common& common, const SpeedSettings& settings,
                        std::shared_ptr<const ServedGeneration> served,
                        std::shared_ptr<SpeedCounts> counts) {
  const std::string dedupe(kDedupeOperator);
  const std::string aggregate(kAggregateOperator);
  std::string counted = dedupe;

  Topology topology("speed");
  topology.source("events", common.topic, kSpeedGroup)
      .op("decode", "events",
          [counts](const TaskPlace&) { return std::make_unique<DecodeOperator>(counts); })
      .op(dedupe, "decode", [counts, horizon_ms = settings.horizon_ms](const TaskPlace&) {
        return std::make_unique<DedupeOperator>(horizon_ms, counts);
      });
  if (settings.bug != Bug::None) {
    counted = name_of(settings.bug);
    topology.op(counted, dedupe, [bug = settings.bug](const TaskPlace&) { return make_bug(bug); });
  }
  topology
      .op(aggregate, counted,
          [settings = settings.aggregate, served, counts](const TaskPlace& place) {
            return std::make_unique<AggregateOperator>(place, settings, served, counts);
          })
      .sink("views", aggregate, common.views_topic(), Grouping::SamePartition)
      .op("error-rate", counted,
          [slice_ms = settings.alert.slide_ms](const TaskPlace& place) {
            return std::make_unique<ErrorRateOperator>(place, slice_ms);
          })
      .sink("errors", "error-rate", common.errors_topic(), Grouping::Global)

      .source("error-counts", common.errors_topic(), kAlertsGroup)
      .op("alert-rule", "error-counts",
          [options = settings.alert, counts](const TaskPlace&) {
            return std::make_unique<AlertOperator>(options, counts);
          })
      .sink("alerts", "alert-rule", common.alerts_topic(), Grouping::Global);
  return topology;
}

}  // namespace lambda_app
