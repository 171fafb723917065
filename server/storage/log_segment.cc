#include "server/storage/log_segment.h"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "base/ensure.h"
#include "server/storage/format.h"

namespace quorate::server {
namespace {

using namespace format;

struct GroupHeader {
  std::uint32_t count = 0;
  std::uint64_t length = 0;
  std::uint64_t durable = 0;
};

struct Record {
  Zxid zxid;
  ByteView bytes;
};

std::uint64_t aligned(std::uint64_t offset) {
  return (offset + kGroupAlignment - 1) / kGroupAlignment * kGroupAlignment;
}

std::uint64_t checksum(const std::byte* from, std::size_t size, std::uint64_t seed) {
  return XXH3_64bits_withSeed(from, size, seed);
}

/// Covers nonce (as seed), offset, header and bytes: a record matches in its own place only.
std::uint64_t record_checksum(const SegmentHeader& segment, std::uint64_t offset,
                              const std::byte* header, ByteView bytes) {
  std::byte bound[24];
  store_be(bound, offset);
  std::copy_n(header, 16, bound + 8);
  std::uint64_t seed = checksum(bound, sizeof bound, segment.nonce);
  return checksum(bytes.data(), bytes.size(), seed);
}

std::optional<GroupHeader> decode_group(const SegmentHeader& segment, ByteView file,
                                        std::uint64_t offset) {
  if (offset + kGroupHeaderBytes > file.size()) return std::nullopt;
  const std::byte* at = file.data() + offset;
  if (load_be<std::uint32_t>(at) != kGroupMagic) return std::nullopt;
  if (load_be<std::uint64_t>(at + 24) != offset) return std::nullopt;
  if (load_be<std::uint64_t>(at + 32) != checksum(at, 32, segment.nonce)) return std::nullopt;
  return GroupHeader{load_be<std::uint32_t>(at + 4), load_be<std::uint64_t>(at + 8),
                     load_be<std::uint64_t>(at + 16)};
}

/// `from` begins at `offset` of the segment.
std::optional<Record> record_in(const SegmentHeader& segment, ByteView from, std::uint64_t offset) {
  if (from.size() < kRecordHeaderBytes) return std::nullopt;
  const std::byte* at = from.data();
  std::uint64_t length = load_be<std::uint32_t>(at);
  if (length > from.size() - kRecordHeaderBytes) return std::nullopt;
  ByteView bytes = from.subspan(kRecordHeaderBytes, length);
  if (load_be<std::uint64_t>(at + 16) != record_checksum(segment, offset, at, bytes)) {
    return std::nullopt;
  }
  return Record{Zxid{load_be<std::int64_t>(at + 8)}, bytes};
}

std::optional<Record> record_of_group(const SegmentHeader& segment, ByteView file,
                                      std::uint64_t offset, std::uint64_t group_end) {
  std::uint64_t last = std::min<std::uint64_t>(file.size(), group_end);
  if (offset > last) return std::nullopt;
  return record_in(segment, file.subspan(offset, last - offset), offset);
}

constexpr std::size_t kHeaderChecksumAt = kSegmentHeaderBytes - 8;

bool intact_header(ByteView file) {
  if (file.size() < kSegmentHeaderBytes) return false;
  const std::byte* at = file.data();
  return load_be<std::uint64_t>(at) == kSegmentMagic &&
         load_be<std::uint64_t>(at + kHeaderChecksumAt) ==
             checksum(at, kHeaderChecksumAt, kSegmentMagic);
}

std::uint32_t version_of(ByteView file) {
  return load_be<std::uint32_t>(file.data() + 8);
}

bool all_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

/// Whether a readable header behind `end` says that more than `end` was durable.
bool names_later_durable_point(const SegmentHeader& segment, ByteView file, std::uint64_t end) {
  for (std::uint64_t at = aligned(end); at + kGroupHeaderBytes <= file.size();
       at += kGroupAlignment) {
    auto group = decode_group(segment, file, at);
    if (group && group->durable > end) return true;
  }
  return false;
}

}  // namespace

Bytes encode_segment_header(const SegmentHeader& header) {
  Bytes out(kSegmentHeaderBytes);
  std::byte* at = out.data();
  store_be(at, kSegmentMagic);
  store_be(at + 8, kSegmentVersion);
  store_be(at + 12, std::uint32_t{header.prepared});
  store_be(at + 16, header.nonce);
  store_be(at + 24, header.sequence);
  store_be(at + 32, header.base.value);
  store_be(at + 40, header.previous);
  store_be(at + 48, header.previous_end);
  store_be(at + 56, header.capacity);
  store_be(at + kHeaderChecksumAt, checksum(at, kHeaderChecksumAt, kSegmentMagic));
  return out;
}

std::optional<SegmentHeader> decode_segment_header(ByteView file) {
  if (!intact_header(file) || version_of(file) != kSegmentVersion) return std::nullopt;
  const std::byte* at = file.data();
  SegmentHeader header;
  header.prepared = load_be<std::uint32_t>(at + 12) != 0;
  header.nonce = load_be<std::uint64_t>(at + 16);
  header.sequence = load_be<std::uint64_t>(at + 24);
  header.base = Zxid{load_be<std::int64_t>(at + 32)};
  header.previous = load_be<std::uint64_t>(at + 40);
  header.previous_end = load_be<std::uint64_t>(at + 48);
  header.capacity = load_be<std::uint64_t>(at + 56);
  return header;
}

std::optional<std::uint32_t> foreign_segment_version(ByteView file) {
  if (!intact_header(file) || version_of(file) == kSegmentVersion) return std::nullopt;
  return version_of(file);
}

std::size_t group_size(std::span<const consensus::LogRecord* const> records) {
  std::size_t size = kGroupHeaderBytes;
  for (const auto* record : records) size += kRecordHeaderBytes + record->bytes.size();
  return aligned(size);
}

void encode_group(Bytes& out, const SegmentHeader& segment, std::uint64_t offset,
                  std::uint64_t durable, std::span<const consensus::LogRecord* const> records) {
  ENSURE(offset % kGroupAlignment == 0);
  const std::size_t begin = out.size();
  out.resize(begin + group_size(records));
  std::byte* const head = out.data() + begin;
  std::uint64_t at = kGroupHeaderBytes;
  for (const auto* record : records) {
    ByteView bytes = record->bytes.view();
    ENSURE(bytes.size() <= UINT32_MAX);
    std::byte* to = head + at;
    store_be(to, static_cast<std::uint32_t>(bytes.size()));
    store_be(to + 8, record->zxid.value);
    store_be(to + 16, record_checksum(segment, offset + at, to, bytes));
    std::copy(bytes.begin(), bytes.end(), to + kRecordHeaderBytes);
    at += kRecordHeaderBytes + bytes.size();
  }
  store_be(head, kGroupMagic);
  store_be(head + 4, static_cast<std::uint32_t>(records.size()));
  store_be(head + 8, at - kGroupHeaderBytes);
  store_be(head + 16, durable);
  store_be(head + 24, offset);
  store_be(head + 32, checksum(head, 32, segment.nonce));
}

std::optional<consensus::LogRecord> decode_record(const SegmentHeader& header, ByteView bytes,
                                                  std::uint64_t offset) {
  const auto found = record_in(header, bytes, offset);
  if (!found) return std::nullopt;
  return consensus::LogRecord{found->zxid, SharedBytes::copy_of(found->bytes)};
}

SegmentScan scan_segment(const SegmentHeader& header, ByteView file,
                         std::optional<std::uint64_t> limit, const VisitRecord& visit) {
  SegmentScan scan{.end = kDataStart, .proven = kDataStart};
  bool torn_group = false;
  while (!torn_group && scan.end != limit) {
    std::uint64_t start = aligned(scan.end);
    auto group = decode_group(header, file, start);
    if (!group) break;
    scan.proven = std::max(scan.proven, group->durable);
    std::uint64_t at = start + kGroupHeaderBytes;
    std::uint64_t group_end = at + group->length;
    for (std::uint32_t i = 0; i < group->count; ++i) {
      auto record = record_of_group(header, file, at, group_end);
      torn_group = !record;
      if (torn_group) break;
      at += kRecordHeaderBytes + record->bytes.size();
      if (!visit(record->zxid, record->bytes, at)) return scan;
      scan.end = at;
      if (scan.end == limit) return scan;
    }
    if (torn_group) break;
    scan.end = aligned(at);
    // A stamp speaks of all records before it, and nobody needs the stamp itself.
    if (group->count == 0 && group->durable == start) scan.proven = scan.end;
  }
  if (limit) {
    scan.damaged = scan.end != *limit;
    return scan;
  }
  std::uint64_t end = std::min<std::uint64_t>(scan.end, file.size());
  scan.clean = !torn_group && all_zero(file.subspan(end));
  // What is missing at the end of a file that was written whole may have been records.
  scan.damaged = scan.proven > scan.end || file.size() < header.capacity ||
                 (!scan.clean && names_later_durable_point(header, file, scan.end));
  return scan;
}

}  // namespace quorate::server
