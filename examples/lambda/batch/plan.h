// What a run has to do: which facts, in which splits, to how many parts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "examples/lambda/batch/segment.h"

namespace lambda_app {

/// Of one map task: whole segments.
using Split = std::vector<SegmentInfo>;

/// Written once by the leader that starts the run, to a file; workers read it once.
struct Plan {
  std::uint64_t run = 0;
  std::vector<Offset> cuts;  ///< Per partition: what lies below is in the splits, all of it.
  std::uint32_t parts = 1;   ///< Reduce tasks.
  std::vector<Split> splits;
};
std::string to_json(const Plan& plan);
std::optional<Plan> plan_of(std::string_view json);

struct SplitLimits {
  std::uint64_t bytes_min = 1u << 20;
  std::uint64_t bytes_max = 64u << 20;
  /// As many splits as this are aimed at, so that all slots of all workers have something to do.
  std::size_t wanted = 16;
};

/// Segments in their order, packed to splits of about total / wanted bytes, within the limits. A
/// segment is never cut: one larger than the limit is a split of its own.
std::vector<Split> plan_splits(const std::vector<SegmentInfo>& segments, const SplitLimits& limits);

}  // namespace lambda_app
