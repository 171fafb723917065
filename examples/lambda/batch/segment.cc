#include "examples/lambda/batch/segment.h"

#include <charconv>
#include <utility>

#include "examples/pipeline/byte_codec.h"
#include "examples/pipeline/checkpoint_text.h"

namespace lambda_app {

using pipeline::Fault;
using pipeline::FaultKind;
using pipeline::Result;

namespace {

constexpr std::string_view kHead("QSEG\x01\0\0\0", 8);
constexpr std::string_view kEnd = "GESQ";
constexpr std::size_t kTailFields = 4 + 5 * 8;
constexpr std::size_t kTailBytes = kTailFields + 8 + 4;
constexpr std::size_t kBufferBytes = 1u << 20;

std::string open_name(const SegmentInfo& info) {
  return "p" + std::to_string(info.partition) + "-" + std::to_string(info.from) + "-" +
         std::to_string(info.token) + ".open";
}

std::string tail_of(const SegmentInfo& info, std::uint64_t blocks) {
  std::string tail;
  pipeline::ByteWriter out(tail);
  out.fixed32(info.partition);
  out.fixed64(info.from);
  out.fixed64(info.to);
  out.fixed64(static_cast<std::uint64_t>(info.token));
  out.fixed64(info.records);
  out.fixed64(blocks);
  out.fixed64(pipeline::state_hash(tail));
  tail += kEnd;
  return tail;
}

/// The numbers of "1-22-333"; nothing unless that is all of it.
std::optional<std::vector<std::uint64_t>> numbers_of(std::string_view text) {
  std::vector<std::uint64_t> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    std::uint64_t number = 0;
    const auto [stop, fault] = std::from_chars(at, end, number);
    if (fault != std::errc()) return std::nullopt;
    numbers.push_back(number);
    if (stop == end) return numbers;
    if (*stop != '-') return std::nullopt;
    at = stop + 1;
  }
}

}  // namespace

std::string file_of(const SegmentInfo& segment) {
  return "p" + std::to_string(segment.partition) + "-" + std::to_string(segment.from) + "-" +
         std::to_string(segment.to) + "-" + std::to_string(segment.token) + ".seg";
}

std::optional<SegmentInfo> segment_of(std::string_view file) {
  const bool closed = file.ends_with(".seg");
  if (!file.starts_with('p') || (!closed && !file.ends_with(".open"))) return std::nullopt;
  const std::size_t ending = closed ? 4 : 5;
  const auto numbers = numbers_of(file.substr(1, file.size() - 1 - ending));
  if (!numbers || numbers->size() != (closed ? 4u : 3u)) return std::nullopt;
  SegmentInfo info;
  info.partition = static_cast<PartitionNumber>((*numbers)[0]);
  info.from = (*numbers)[1];
  if (closed) info.to = (*numbers)[2];
  info.token = static_cast<std::int64_t>(numbers->back());
  return info;
}

SegmentWriter::SegmentWriter(const std::string& folder, PartitionNumber partition, Offset from,
                             std::int64_t token)
    : info_{partition, from, 0, token, 0, 0}, file_(folder, open_name(info_)) {
  file_.write(kHead);
  buffer_.reserve(kBufferBytes + 2 * kBlockBodyBytes);
}

void SegmentWriter::add(std::string_view value) {
  blocks_.add(value);
  ++info_.records;
  if (buffer_.size() < kBufferBytes || blocks_.open()) return;
  file_.write(buffer_);
  buffer_.clear();
}

Result<SegmentInfo> SegmentWriter::close(Offset to, Durability durability) {
  blocks_.finish();
  info_.to = to;
  file_.write(buffer_);
  buffer_.clear();
  file_.write(tail_of(info_, file_.bytes() - kHead.size()));
  info_.bytes = file_.bytes();
  const Result<> closed = file_.close(file_of(info_), durability);
  if (!closed) return closed.error();
  return info_;
}

std::optional<SegmentParts> parse_segment(std::string_view bytes) {
  if (bytes.size() < kHead.size() + kTailBytes || !bytes.starts_with(kHead) ||
      !bytes.ends_with(kEnd)) {
    return std::nullopt;
  }
  const std::string_view tail = bytes.substr(bytes.size() - kTailBytes);
  pipeline::ByteReader in(tail);
  SegmentParts parts;
  parts.info.partition = in.fixed32();
  parts.info.from = in.fixed64();
  parts.info.to = in.fixed64();
  parts.info.token = static_cast<std::int64_t>(in.fixed64());
  parts.info.records = in.fixed64();
  parts.info.bytes = bytes.size();
  const std::uint64_t blocks = in.fixed64();
  if (in.fixed64() != pipeline::state_hash(tail.substr(0, kTailFields))) return std::nullopt;
  if (blocks != bytes.size() - kHead.size() - kTailBytes) return std::nullopt;
  parts.blocks = bytes.substr(kHead.size(), blocks);
  return parts;
}

Result<Segment> Segment::open(const std::string& folder, const SegmentInfo& info) {
  const std::string path = folder + "/" + file_of(info);
  Result<MappedFile> file = MappedFile::open(path);
  if (!file) return file.error();
  const auto parts = parse_segment(file->bytes());
  if (!parts || parts->info != info) {
    return Fault{FaultKind::Damaged, path + " is damaged, or not the segment it should be"};
  }
  return Segment(std::move(*file), parts->blocks, info);
}

}  // namespace lambda_app
