// Which segments are the master dataset: the checkpoint of the group "archive".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "examples/lambda/batch/segment.h"

namespace lambda_app {

/// The segments of one partition, in order, without overlap; where only marks lie between two there
/// may be holes. It is committed together with the offset up to which it is complete: a file that
/// no list names is no part of the dataset.
struct SegmentList {
  std::vector<SegmentInfo> segments;

  Offset end() const { return segments.empty() ? 0 : segments.back().to; }
  std::string encode() const;
  static std::optional<SegmentList> decode(std::string_view bytes, PartitionNumber partition);
};

/// The segments below `cut`. Nothing if one lies across it: no mark is there, or its archive was
/// written by something else.
std::optional<std::vector<SegmentInfo>> segments_below(const SegmentList& list, Offset cut);

/// Files of this partition in the folder that an owner before `token` has left and the list does
/// not name. Only for whoever has claimed the partition's checkpoint with `token`: from then on
/// nobody can add such a file to the list any more.
std::vector<std::string> orphans(const std::vector<std::string>& files, PartitionNumber partition,
                                 std::int64_t token, const SegmentList& list);

}  // namespace lambda_app
