// The speed layer as one declaration.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "examples/lambda/alert_rule.h"
#include "examples/lambda/places.h"
#include "examples/lambda/speed_operators.h"
#include "examples/lambda/topology.h"

namespace lambda_app {

inline constexpr const char* kAlertsGroup = "alerts";

/// A fault to deploy, for the story.
enum class Bug { None, DropErrors, CountTwice };
/// "", "drop-errors", "count-twice".
std::optional<Bug> bug_of(std::string_view name);
const char* name_of(Bug bug);

struct SpeedSettings {
  AggregateSettings aggregate;
  std::int64_t horizon_ms = 0;  ///< Of dedupe; 0: all ids are kept.
  AlertOptions alert;
  Bug bug = Bug::None;
};

/// `served` and `counts` are shared by all tasks.
Topology speed_topology(const Common& common, const SpeedSettings& settings,
                        std::shared_ptr<const ServedGeneration> served,
                        std::shared_ptr<SpeedCounts> counts);

}  // namespace lambda_app
