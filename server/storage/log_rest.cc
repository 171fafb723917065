// LogStore: giving back what a busy log has taken, once it is quiet.
#include <algorithm>
#include <boost/system/errc.hpp>

#include "base/ensure.h"
#include "server/storage/format.h"
#include "server/storage/log_store.h"

namespace quorate::server {
namespace {

using namespace format;
using consensus::LogRecord;

/// More than a window before the checkpoint and what comes behind it on a quiet server.
constexpr std::size_t kPlaces = 2048;

}  // namespace

// ---- Where the last records lie -----------------------------------------------------------------

void LogStore::note_place(const Place& place) {
  if (places_.size() < kPlaces && places_noted_ == places_.size()) {
    places_.push_back(place);
  } else {
    places_[places_noted_ % kPlaces] = place;
  }
  ++places_noted_;
  places_known_ = std::min(places_known_ + 1, kPlaces);
}

const LogStore::Place& LogStore::place(std::size_t back) const {
  return places_[(places_noted_ - 1 - back) % kPlaces];
}

void LogStore::forget_places(Zxid after) {
  while (places_known_ > 0 && place(0).zxid > after) {
    --places_noted_;
    --places_known_;
  }
}

std::optional<LogRecord> LogStore::read_record(const Place& place) const {
  const auto segment =
      std::find_if(segments_.begin(), segments_.end(),
                   [&place](const Segment& one) { return one.header.sequence == place.sequence; });
  if (segment == segments_.end()) return std::nullopt;
  auto file = files_.open(path_of(place.sequence), OpenMode::Read);
  if (!file) return std::nullopt;
  Bytes bytes(place.size);
  auto count = (*file)->pread(place.offset, bytes);
  if (!count || *count < bytes.size()) return std::nullopt;
  auto record = decode_record(segment->header, bytes, place.offset);
  if (record && record->zxid != place.zxid) return std::nullopt;
  return record;
}

// ---- Resting ------------------------------------------------------------------------------------

std::uint64_t LogStore::file_bytes() const {
  std::uint64_t bytes = spare_ ? spare_->capacity : 0;
  if (recyclable_) bytes += next_capacity();
  for (const Segment& segment : segments_) bytes += segment.header.capacity;
  return std::max(bytes, zeroed_);
}

std::optional<std::vector<LogRecord>> LogStore::few_kept(Zxid checkpoint,
                                                         std::size_t window_records,
                                                         Zxid& base) const {
  std::size_t count = 0, before = 0;
  std::uint64_t bytes = 0;
  for (; count < places_known_; ++count) {
    const Place& one = place(count);
    if (one.zxid <= checkpoint && ++before > window_records) break;
    bytes += one.size;
    if (bytes > smallest_capacity() / 2) return std::nullopt;
  }
  std::uint64_t all = 0;
  for (const Segment& segment : segments_) all += segment.records;
  // Neither the window's end nor that of the log: what lies before is not known.
  if (count == places_known_ && count < all) return std::nullopt;
  base = count < places_known_ ? place(count).zxid : this->base();
  std::vector<LogRecord> records;
  while (count-- > 0) {
    auto record = read_record(place(count));
    if (!record) return std::nullopt;
    records.push_back(std::move(*record));
  }
  return records;
}

/// The new segment has no predecessor, so the log is what it holds from the moment it has its name.
/// All of it is durable by then, and says so by a stamp: damage in it is never taken for a torn
/// tail.
ErrorCode LogStore::rest(Zxid checkpoint, std::size_t window_records) {
  if (preparing_ || file_bytes() <= 2 * smallest_capacity()) return {};
  Zxid base;
  const auto kept = few_kept(checkpoint, window_records, base);
  if (!kept) return {};
  if (ErrorCode error = sync()) return error;
  SegmentHeader header = new_header(next_sequence_, 0, 0, base);
  header.capacity = smallest_capacity();
  Bytes content = encode_segment_header(header);
  std::vector<const LogRecord*> group;
  for (const LogRecord& record : *kept) group.push_back(&record);
  if (!group.empty()) encode_group(content, header, kDataStart, kDataStart, group);
  const std::uint64_t stamp = content.size();
  encode_group(content, header, stamp, stamp, {});
  const std::uint64_t end = content.size();
  if (end > header.capacity) return {};
  content.resize(header.capacity);

  const std::string path = path_of(header.sequence);
  const std::string temporary = path + kTemporarySuffix;
  auto file = write_whole(temporary, content);
  if (!file || files_.rename(temporary, path)) {
    // Half of it helps nobody. Under its own name it would take the place of the log in use, to
    // which will be appended.
    (void)files_.remove(temporary);
    if (!files_.exists(path)) return {};
    return make_error_code(boost::system::errc::io_error);
  }
  if (ErrorCode error = files_.sync_directory(options_.directory)) return error;
  ++next_sequence_;
  REACHED("log at rest");

  std::vector<std::uint64_t> unused;
  for (const Segment& segment : segments_) unused.push_back(segment.header.sequence);
  if (spare_) unused.push_back(spare_->sequence);
  if (recyclable_) (void)files_.remove(recycle_path());
  recyclable_ = false;
  spare_.reset();
  file_ = std::move(*file);
  segments_.assign(1, {header, kept->size(), last_});
  end_ = synced_ = stamped_ = end;
  zeroed_ = header.capacity;
  header_pending_ = false;
  prepare_from_ = 0;
  next_capacity_ = 0;
  places_known_ = 0;
  std::uint64_t at = kDataStart + kGroupHeaderBytes;
  for (const LogRecord& record : *kept) {
    const std::uint64_t size = kRecordHeaderBytes + record.bytes.size();
    note_place({record.zxid, header.sequence, at, size});
    at += size;
  }
  const std::uint64_t block = end - end % options_.block_bytes();
  buffer_.assign(content.begin() + static_cast<std::ptrdiff_t>(block),
                 content.begin() + static_cast<std::ptrdiff_t>(end));
  return remove_segments(unused);
}

}  // namespace quorate::server
