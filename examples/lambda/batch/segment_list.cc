#include "examples/lambda/batch/segment_list.h"

#include <algorithm>
#include <set>

#include "examples/pipeline/byte_codec.h"

namespace lambda_app {

namespace {
constexpr std::uint8_t kVersion = 1;
}  // namespace

std::string SegmentList::encode() const {
  std::string bytes;
  pipeline::ByteWriter out(bytes);
  out.u8(kVersion);
  out.varint(segments.size());
  Offset before = 0;
  for (const SegmentInfo& segment : segments) {
    out.varint(segment.from - before);
    out.varint(segment.to - segment.from);
    out.signed_varint(segment.token);
    out.varint(segment.records);
    out.varint(segment.bytes);
    before = segment.to;
  }
  return bytes;
}

std::optional<SegmentList> SegmentList::decode(std::string_view bytes, PartitionNumber partition) {
  SegmentList list;
  if (bytes.empty()) return list;  // Nothing was committed yet.
  pipeline::ByteReader in(bytes);
  if (in.u8() != kVersion) return std::nullopt;
  const std::size_t count = in.count(/*bytes_each=*/5);
  list.segments.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    SegmentInfo segment;
    segment.partition = partition;
    segment.from = list.end() + in.varint();
    segment.to = segment.from + in.varint();
    segment.token = in.signed_varint();
    segment.records = in.varint();
    segment.bytes = in.varint();
    // Sums that went around would put segments out of order.
    if (segment.from < list.end() || segment.to < segment.from) return std::nullopt;
    list.segments.push_back(segment);
  }
  return in.finished() ? std::optional(std::move(list)) : std::nullopt;
}

std::optional<std::vector<SegmentInfo>> segments_below(const SegmentList& list, Offset cut) {
  std::vector<SegmentInfo> below;
  for (const SegmentInfo& segment : list.segments) {
    if (segment.from >= cut) break;
    if (segment.to > cut) return std::nullopt;
    below.push_back(segment);
  }
  return below;
}

std::vector<std::string> orphans(const std::vector<std::string>& files, PartitionNumber partition,
                                 std::int64_t token, const SegmentList& list) {
  std::set<std::string> named;
  for (const SegmentInfo& segment : list.segments) named.insert(file_of(segment));
  std::vector<std::string> left;
  for (const std::string& file : files) {
    const auto info = segment_of(file);
    if (info && info->partition == partition && info->token < token && named.count(file) == 0) {
      left.push_back(file);
    }
  }
  return left;
}

}  // namespace lambda_app
