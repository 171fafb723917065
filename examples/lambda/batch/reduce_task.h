// Reduce, with its half of the shuffle, and the merge of the parts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "examples/lambda/batch/cancel.h"
#include "examples/lambda/batch/output_file.h"
#include "examples/pipeline/summary.h"

namespace lambda_app {

/// An output that others read: its size and hash tell whether it is the one that was meant.
struct Output {
  std::string name;
  std::uint64_t bytes = 0;
  std::uint64_t hash = 0;
};

struct ReduceWork {
  std::string folder;               ///< Of inputs and output.
  std::vector<std::string> inputs;  ///< One file of each map task (map_output.h).
  std::uint32_t part = 0;
  std::string out_name;
  pipeline::SummaryOptions summary;
};

struct ReduceCounts {
  Output output;
  std::uint64_t events = 0;      ///< Different ones.
  std::uint64_t duplicates = 0;  ///< Refused by the aggregator.
};

/// Merges all runs of the part and adds their events in order to one Aggregator; its summary's
/// encoding is the output. As time only grows, ids of past minutes are forgotten on the way: memory
/// is that of the summary. Faults: Storage, Damaged, Closed (cancelled).
pipeline::Result<ReduceCounts> run_reduce(const ReduceWork& work, const Cancel& cancel);

struct MergeWork {
  std::string folder;
  std::vector<Output> inputs;  ///< Of the reduce tasks.
  std::string out_folder;
  std::string out_name;
  unsigned threads = 1;
  Durability durability = Durability::Synced;  ///< This is what gets served.
};

/// Output and number of events of the whole.
pipeline::Result<ReduceCounts> run_merge(const MergeWork& work, const Cancel& cancel);

}  // namespace lambda_app
