// Map, with its half of the shuffle: segments to sorted runs, one or more for every part.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "examples/lambda/batch/cancel.h"
#include "examples/lambda/batch/segment.h"

namespace lambda_app {

struct MapWork {
  std::string segments_folder;
  std::vector<SegmentInfo> split;
  std::uint32_t parts = 1;
  std::string out_folder;
  std::string out_name;
  /// Memory of the sort, at 32 bytes each: when so many are collected they are sorted and written.
  /// The events themselves stay in the mapped segments.
  std::size_t events_in_memory_max = 1u << 20;
};

struct MapCounts {
  std::uint64_t bytes = 0;    ///< Of the output.
  std::uint64_t events = 0;   ///< With repetitions.
  std::uint64_t damaged = 0;  ///< Records of the bus that were no events, so never counted.
};

/// An event goes to part visitor_hash % parts: all hits of a visitor, and so all repetitions of
/// one, meet in one reduce task. The same bytes whoever does it, however often. Faults: Storage,
/// Damaged, Closed (cancelled; there is no output then).
pipeline::Result<MapCounts> run_map(const MapWork& work, const Cancel& cancel);

}  // namespace lambda_app
