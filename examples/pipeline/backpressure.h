// What a producer does when the consumers are behind: wait, put it aside, or drop and count.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "examples/pipeline/bus.h"

namespace pipeline {

/// A partition is behind when more than `backlog_max` of its records are not yet committed by the
/// slowest group told of.
enum class WhenBehind {
  Block,   ///< offer() waits until there is room. Loses nothing; the source must be able to wait.
  Buffer,  ///< To a bounded file on disk, appended in order as soon as there is room; when the
           ///< buffer is full: as Block.
  Drop,    ///< Not appended, and counted.
};

/// "block", "buffer", "drop".
const char* name_of(WhenBehind answer);
bool parse_when_behind(std::string_view text, WhenBehind& answer);

struct BackpressureOptions {
  std::string topic;
  WhenBehind answer = WhenBehind::Block;
  /// Groups to look at from the start: offers wait until their progress has been told, so that
  /// nothing passes, or is dropped, because nobody knew. Others count from their first word on.
  std::vector<std::string> groups{};
  std::uint64_t backlog_max = 1'000'000;        ///< Records of one partition.
  std::string buffer_folder;                    ///< For Buffer; what an earlier run left is sent.
  std::uint64_t buffer_bytes_max = 1ull << 30;  ///< Of keys and values.
};

struct BackpressureCounts {
  std::uint64_t appended = 0;
  std::uint64_t dropped = 0;
  std::uint64_t buffered = 0;   ///< Ever put aside.
  std::uint64_t in_buffer = 0;  ///< Now.
  std::uint64_t waits = 0;      ///< Calls that had to wait.
};

/// Between a source and the bus. One thread offers; progress comes from any.
class Backpressure {
 public:
  /// Faults: those of Bus::partitions() and marks(); Storage for the buffer.
  static Result<std::unique_ptr<Backpressure>> open(Bus& bus, const BackpressureOptions& options);
  ~Backpressure();  ///< What is in the buffer stays there, for the next run.

  /// Appends by key, or does what the setting says. Closed when close() was called while it waited.
  Result<> offer(std::span<const Record> records);

  /// A group has committed `offset`; GroupProgress calls this. Any thread; does not block.
  void progressed(const std::string& group, PartitionNumber partition, Offset offset);

  /// Waits until the buffer is empty or close() was called.
  Result<> flush();
  void close();  ///< Wakes who waits. Any thread.

  BackpressureCounts counts() const;  ///< Any thread.

 private:
  class State;
  explicit Backpressure(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace pipeline
