// One row per metric: mntr, and later every other exposition, reads this table.
#pragma once

#include <span>
#include <string>

#include "server/admin/four_letter.h"

namespace quorate::server {

/// Where a metric is shown.
enum class MetricScope { Always, Ensemble, Leader };

struct MetricRow {
  const char* name;  ///< Without the prefix zk_.
  MetricScope scope;
  std::string (*value)(const ServerStatus& status, AdminSource& source);
  const char* help;
};

std::span<const MetricRow> metric_rows();

/// A decimal number with up to four places, as ZooKeeper writes averages: "0.0", "3.2295".
std::string average_text(double value);

}  // namespace quorate::server
