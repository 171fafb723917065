// What a map task leaves for the reduce tasks: sorted runs of events, some for every part.
//
//   file   "QRUN", version 1 (1), zeros (3)
//          runs: blocks (record_blocks.h) of events (pipeline/event.h), sorted by time, id, bytes
//          index: per run part (4), begin (8), bytes (8), events (8)
//          tail: runs (4), check of the index (8), "NURQ"
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "examples/lambda/batch/output_file.h"
#include "examples/lambda/batch/record_blocks.h"

namespace lambda_app {

struct RunIndex {
  std::uint32_t part = 0;
  std::uint64_t begin = 0;  ///< In the file.
  std::uint64_t bytes = 0;
  std::uint64_t events = 0;
};

/// Owned by one thread.
class MapOutputWriter {
 public:
  MapOutputWriter(const std::string& folder, const std::string& name);

  void begin_run(std::uint32_t part);
  void add(std::string_view event);
  void end_run();
  /// Size of the file. Fault: Storage.
  pipeline::Result<std::uint64_t> close();

 private:
  void flush();

  std::string name_;
  OutputFile file_;
  std::string buffer_;
  BlockWriter blocks_{buffer_};
  std::vector<RunIndex> index_;
};

/// The runs of `file`, whole, as views into it; nothing if it is damaged.
struct MapOutput {
  struct Run {
    std::uint32_t part = 0;
    std::uint64_t events = 0;
    std::string_view blocks;
  };
  std::vector<Run> runs;
};
std::optional<MapOutput> parse_map_output(std::string_view file);

}  // namespace lambda_app
