// One row per metric, under ZooKeeper's names: mntr, the command monitor and Prometheus read it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "server/admin/facts.h"

namespace quorate::server {

/// Where a metric is shown.
enum class MetricScope { Always, Ensemble, Leader };

using MetricValue = std::variant<std::int64_t, double, std::string>;

/// How a metric is told. A summary has quantiles; a tally set has one Tally per key.
using GaugeOf = MetricValue (*)(const AdminFacts& facts);
using CounterOf = std::uint64_t (*)(const ServerMetrics& metrics);
using SummaryOf = const Summary* (*)(const ServerMetrics& metrics);
using TalliesOf = const NamespaceTallies& (*)(const ServerMetrics& metrics);

/// Basic: mntr shows mean, extremes, count and sum. Advanced: quantiles too.
enum class SummaryKind { Basic, Advanced };

struct SummaryRow {
  SummaryKind kind;
  SummaryOf of;     ///< nullptr: a stage that this server does not have; zeros, as in ZooKeeper
                    ///< where nothing has happened yet.
  int divisor = 1;  ///< From the unit measured to the unit shown.
};

struct MetricRow {
  const char* name;  ///< Without the prefix zk_.
  MetricScope scope;
  std::variant<GaugeOf, CounterOf, SummaryRow, TalliesOf> source;
  const char* help;
};

std::span<const MetricRow> metric_rows();

/// Whether this server shows the row now.
bool is_shown(const MetricRow& row, const AdminFacts& facts, bool standalone);

/// The flat list of mntr and monitor: names without the prefix zk_, in the order of the table.
struct MetricLine {
  std::string name;
  MetricValue value;
};
std::vector<MetricLine> metric_lines(const AdminFacts& facts, bool standalone);

/// A decimal number with up to four places, as ZooKeeper writes averages: "0.0", "3.2295".
std::string average_text(double value);
std::string value_text(const MetricValue& value);

}  // namespace quorate::server
