// The master dataset: immutable segments of the facts as they came.
//
//   file  "QSEG", version 1 (1), zeros (3)
//         blocks (record_blocks.h); a record is the value of one record of the bus, in its order
//         tail: partition (4), from (8), to (8), token (8), records (8), bytes of the blocks (8),
//               check of the 44 bytes before (8), "GESQ"
//
// A segment holds what is an event, or should have been, of the offsets [from, to) of a partition;
// marks (pipeline/cut.h) are not in it. Its name says partition, from, to and the fencing token of
// the owner who wrote it, so no two owners ever write one name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "examples/lambda/batch/mapped_file.h"
#include "examples/lambda/batch/output_file.h"
#include "examples/lambda/batch/record_blocks.h"
#include "examples/pipeline/bus.h"

namespace lambda_app {

using pipeline::Offset;
using pipeline::PartitionNumber;

struct SegmentInfo {
  PartitionNumber partition = 0;
  Offset from = 0;
  Offset to = 0;
  std::int64_t token = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  ///< Of the file.

  friend bool operator==(const SegmentInfo&, const SegmentInfo&) = default;
};

/// "p3-1000-2000-77.seg".
std::string file_of(const SegmentInfo& segment);
/// What a name says: partition, from, to, token; also of a file that is not closed yet
/// ("p3-1000-77.open": to is 0).
std::optional<SegmentInfo> segment_of(std::string_view file);

/// Owned by one thread.
class SegmentWriter {
 public:
  SegmentWriter(const std::string& folder, PartitionNumber partition, Offset from,
                std::int64_t token);

  void add(std::string_view value);
  std::uint64_t bytes() const { return file_.bytes() + buffer_.size(); }
  std::uint64_t records() const { return info_.records; }
  /// The file is there, whole. Fault: Storage.
  pipeline::Result<SegmentInfo> close(Offset to, Durability durability = Durability::Synced);

 private:
  SegmentInfo info_;
  OutputFile file_;
  std::string buffer_;
  BlockWriter blocks_{buffer_};
};

/// An opened segment; views of its records live as long as it does.
class Segment {
 public:
  /// Faults: Storage; Damaged when the file is not the segment that `info` names.
  static pipeline::Result<Segment> open(const std::string& folder, const SegmentInfo& info);

  const SegmentInfo& info() const { return info_; }
  BlockReader records() const { return BlockReader(blocks_); }

 private:
  Segment(MappedFile file, std::string_view blocks, const SegmentInfo& info)
      : file_(std::move(file)), blocks_(blocks), info_(info) {}

  MappedFile file_;
  std::string_view blocks_;
  SegmentInfo info_;
};

/// Blocks and what the tail says of them, or nothing if `bytes` are no segment. Does not look into
/// the blocks: their reader does.
struct SegmentParts {
  SegmentInfo info;
  std::string_view blocks;
};
std::optional<SegmentParts> parse_segment(std::string_view bytes);

}  // namespace lambda_app
