// One segment of the log as bytes: header, groups, records, and the rule that finds its end.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "consensus/input.h"

namespace quorate::server {

struct SegmentHeader {
  std::uint64_t nonce =
      0;  ///< Seed of all checksums in this segment: bytes of another never match.
  std::uint64_t sequence = 0;
  Zxid base;  ///< The zxid just before the first record.
  /// The segment before this one, and where it ends: bytes behind that are not part of the log. So
  /// one new header makes a cut of the log, atomically. Sequence 0: there is none.
  std::uint64_t previous = 0;
  std::uint64_t previous_end = 0;
  /// Bytes that were written and synced before the header was: a shorter file has been cut.
  std::uint64_t capacity = 0;
  /// Made ahead of its time: nonce, base and predecessor come with the first group. No part of the
  /// log until then.
  bool prepared = false;
};

/// Exactly format::kSegmentHeaderBytes.
Bytes encode_segment_header(const SegmentHeader& header);
/// Nothing when the bytes are no whole, intact header of the version this program knows.
std::optional<SegmentHeader> decode_segment_header(ByteView file);
/// The version, when `file` begins with an intact segment header of another one.
std::optional<std::uint32_t> foreign_segment_version(ByteView file);

/// Appends one group to `out`, to be written at `offset` of the segment. `durable` is the offset
/// known durable now. Without records it is a durable-point stamp.
void encode_group(Bytes& out, const SegmentHeader& segment, std::uint64_t offset,
                  std::uint64_t durable, std::span<const consensus::LogRecord* const> records);
/// Bytes that encode_group() will make.
std::size_t group_size(std::span<const consensus::LogRecord* const> records);

/// The record at `offset` of the segment; `bytes` begins there and may reach beyond it.
std::optional<consensus::LogRecord> decode_record(const SegmentHeader& header, ByteView bytes,
                                                  std::uint64_t offset);

struct SegmentScan {
  std::uint64_t end = 0;     ///< Behind the last good record or group.
  std::uint64_t proven = 0;  ///< Durable up to here, as the group headers on the way tell.
  bool clean = false;        ///< At a group border, with nothing but zeros behind: append here.
  /// The scan ended before an offset that was durable once: not a torn tail, but damage.
  bool damaged = false;
};

/// One record, where it ends in the file; false stops the scan.
using VisitRecord = std::function<bool(Zxid zxid, ByteView bytes, std::uint64_t end)>;

/// Reads records in order. `limit`: where the next segment says that this one ends; nothing for the
/// last one, whose end is found by the damage rule (design.md section 2): at the first bad record,
/// unless a later readable header names a durable point beyond it.
SegmentScan scan_segment(const SegmentHeader& header, ByteView file,
                         std::optional<std::uint64_t> limit, const VisitRecord& visit);

}  // namespace quorate::server
