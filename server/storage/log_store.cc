#include "server/storage/log_store.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <memory>

#include "base/ensure.h"
#include "base/random.h"
#include "server/storage/format.h"

namespace quorate::server {
namespace {

using namespace format;
using consensus::LogRecord;

/// A buffer that one big group has grown is given back above this size.
constexpr std::size_t kBufferBytesKept = 4u << 20;

std::optional<std::uint64_t> sequence_of(const std::string& name) {
  std::string_view text = name;
  if (!text.starts_with(kSegmentPrefix)) return std::nullopt;
  text.remove_prefix(std::string_view(kSegmentPrefix).size());
  std::uint64_t sequence = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sequence);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return sequence;
}

}  // namespace

std::string LogStore::path_of(std::uint64_t sequence) const {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%010llu", static_cast<unsigned long long>(sequence));
  return options_.directory + "/" + kSegmentPrefix + digits;
}

Zxid LogStore::base() const {
  return segments_.front().header.base;
}

// ---- Segments -----------------------------------------------------------------------------------

/// Rolling and cutting are this one step: the new header names what of the segment before counts.
ErrorCode LogStore::start_segment(std::uint64_t previous, std::uint64_t previous_end, Zxid base) {
  const std::uint64_t sequence = spare_ ? spare_->sequence : next_sequence_++;
  const SegmentHeader header = new_header(sequence, previous, previous_end, base);
  if (!spare_) return create_segment(header);
  take_spare(header);
  return {};
}

SegmentHeader LogStore::new_header(std::uint64_t sequence, std::uint64_t previous,
                                   std::uint64_t previous_end, Zxid base) const {
  SegmentHeader header;
  header.sequence = sequence;
  header.base = base;
  header.previous = previous;
  header.previous_end = previous_end;
  std::uint64_t before = segments_.empty() ? 0 : segments_.back().header.nonce;
  header.nonce = Random(options_.nonce_seed ^ Random(before ^ header.sequence).next()).next();
  return header;
}

/// Complete under another name before it is renamed: a segment under its own name always has a
/// whole header.
ErrorCode LogStore::create_segment(SegmentHeader header) {
  header.capacity = smallest_capacity();
  Bytes content = encode_segment_header(header);
  content.resize(header.capacity);
  const std::string path = path_of(header.sequence);
  const std::string temporary = path + kTemporarySuffix;
  auto file = write_whole(temporary, content);
  if (!file) return file.error();
  if (ErrorCode error = files_.rename(temporary, path)) return error;
  if (ErrorCode error = files_.sync_directory(options_.directory)) return error;

  file_ = std::move(*file);
  segments_.push_back({header, 0, header.base});
  end_ = synced_ = stamped_ = kDataStart;
  zeroed_ = content.size();
  header_pending_ = false;
  prepare_from_ = 0;
  keep_header();
  return {};
}

Result<std::unique_ptr<File>> LogStore::write_whole(const std::string& path, ByteView content) {
  auto file = files_.open(path, OpenMode::Create);
  if (!file) return file.error();
  if (options_.block_bytes() > 1) (*file)->expect_blocks();
  if (ErrorCode error = (*file)->pwrite(0, content)) return error;
  if (ErrorCode error = (*file)->sync()) return error;
  return file;
}

/// It shares its block with the first groups.
void LogStore::keep_header() {
  buffer_.clear();
  if (options_.block_bytes() > 1) buffer_ = encode_segment_header(segments_.back().header);
}

void LogStore::take_spare(SegmentHeader header) {
  header.capacity = spare_->capacity;
  file_ = std::move(spare_->file);
  spare_.reset();
  segments_.push_back({header, 0, header.base});
  end_ = synced_ = stamped_ = kDataStart;
  zeroed_ = header.capacity;
  header_pending_ = true;
  prepare_from_ = 0;
  buffer_ = encode_segment_header(segments_.back().header);
}

/// Without a first group: a cut must be durable by itself. One sector, so it is there or not.
ErrorCode LogStore::write_header() {
  if (!header_pending_) return {};
  if (ErrorCode error = write_blocks()) return error;
  return file_->sync();
}

// ---- Segments made ahead of their time ----------------------------------------------------------

std::optional<SegmentPreparation> LogStore::due_preparation() {
  if (spare_ || preparing_ || end_ < prepare_from_) return std::nullopt;
  std::uint64_t now = std::max(segments_.back().header.capacity, end_);
  if (end_ < now / 4) return std::nullopt;
  preparing_ = true;
  preparing_from_ = end_;
  SegmentPreparation wanted;
  wanted.directory = options_.directory;
  wanted.sequence = next_sequence_++;
  wanted.path = path_of(wanted.sequence);
  wanted.capacity = next_capacity();
  if (recyclable_) wanted.recycled = recycle_path();
  recyclable_ = false;
  return wanted;
}

std::uint64_t LogStore::smallest_capacity() const {
  return std::max(kDataStart, std::min(options_.chunk_bytes, options_.segment_bytes));
}

std::uint64_t LogStore::next_capacity() const {
  return std::max(smallest_capacity(), next_capacity_);
}

/// How much was written while the last one was made says how fast the log is, without a clock:
/// making it takes about as long as it is. A fast log gets long segments, a slow one short ones.
void LogStore::adapt_capacity(std::uint64_t capacity) {
  const std::uint64_t written = end_ - preparing_from_;
  if (written > capacity / 16) {
    next_capacity_ = std::min(options_.segment_bytes, 4 * capacity);
  } else if (written < capacity / 64) {
    next_capacity_ = capacity / 4;
  }
}

Result<std::unique_ptr<File>> prepare_segment(Files& files, const SegmentPreparation& wanted,
                                              const std::function<bool()>& between) {
  // Small pieces, each synced: the log's own syncs need not wait long for the disk in between.
  constexpr std::uint64_t kPieceBytes = 256u << 10;
  std::string temporary =
      wanted.recycled.empty() ? wanted.path + kTemporarySuffix : wanted.recycled;
  auto file = files.open(temporary, OpenMode::Create);
  if (!file) return file.error();
  auto size = (*file)->size();
  if (!size) return size.error();
  if (wanted.capacity % kFileBlockBytes == 0) (*file)->expect_blocks();
  ErrorCode error = *size > wanted.capacity ? (*file)->truncate(wanted.capacity) : ErrorCode();
  SegmentHeader header;
  header.sequence = wanted.sequence;
  header.capacity = wanted.capacity;
  header.prepared = true;
  // At the address of a block, so that no piece need be copied to one.
  Bytes room(kPieceBytes + kFileBlockBytes);
  void* begin = room.data();
  std::size_t left = room.size();
  std::byte* const zeros =
      static_cast<std::byte*>(std::align(kFileBlockBytes, kPieceBytes, begin, left));
  const Bytes head = encode_segment_header(header);
  std::copy(head.begin(), head.end(), zeros);
  for (std::uint64_t at = 0; !error && at < wanted.capacity; at += kPieceBytes) {
    if (at > 0) {
      std::fill_n(zeros, head.size(), std::byte{0});
      if (between && !between()) {
        error = make_error_code(boost::system::errc::operation_canceled);
        break;
      }
    }
    error = (*file)->pwrite(at, {zeros, std::min(kPieceBytes, wanted.capacity - at)});
    if (!error) error = (*file)->sync();
  }
  if (!error) error = files.rename(temporary, wanted.path);
  if (!error) error = files.sync_directory(wanted.directory);
  if (!error) return std::move(*file);
  // Half of a segment on a full disk helps nobody.
  file->reset();
  (void)files.remove(temporary);
  return error;
}

ErrorCode LogStore::prepared(const SegmentPreparation& wanted, Result<std::unique_ptr<File>> file) {
  preparing_ = false;
  if (!file) {
    prepare_from_ = end_ + segments_.back().header.capacity / 8 + 1;
    return {};
  }
  // Too late: another one had to be made meanwhile, and sequences rise along the chain.
  const bool late = wanted.sequence < segments_.back().header.sequence;
  if (!late) adapt_capacity(wanted.capacity);
  if (late) return files_.remove(wanted.path);
  spare_ = Spare{wanted.sequence, wanted.capacity, std::move(*file)};
  return {};
}

Result<Bytes> LogStore::read(std::uint64_t sequence) const {
  auto file = files_.open(path_of(sequence), OpenMode::Read);
  if (!file) return file.error();
  auto size = (*file)->size();
  if (!size) return size.error();
  Bytes bytes(*size);
  auto count = (*file)->pread(0, bytes);
  if (!count) return count.error();
  bytes.resize(*count);
  return bytes;
}

/// Oldest first. Unlinks may be lost one by one: what is left over is out of the chain at the next
/// start, and removed then.
ErrorCode LogStore::remove_segments(const std::vector<std::uint64_t>& sequences) {
  if (sequences.empty()) return {};
  for (std::uint64_t sequence : sequences) {
    if (ErrorCode error = files_.remove(path_of(sequence))) return error;
  }
  return files_.sync_directory(options_.directory);
}

// ---- Opening ------------------------------------------------------------------------------------

Result<std::unique_ptr<LogStore>> LogStore::create(Files& files, LogOptions options, Zxid base) {
  std::unique_ptr<LogStore> log(new LogStore(files, std::move(options)));
  if (ErrorCode error = files.make_directories(log->options_.directory)) return error;
  if (ErrorCode error = log->start_segment(0, 0, base)) return error;
  log->last_ = base;
  return log;
}

std::unique_ptr<LogStore> LogStore::open(Files& files, LogOptions options,
                                         const std::function<void(LogRecord)>& visit,
                                         LogProblem& problem) {
  std::unique_ptr<LogStore> log(new LogStore(files, std::move(options)));
  std::vector<std::uint64_t> unused;
  if (!log->find_chain(unused, problem)) return nullptr;
  log->last_ = log->base();
  for (std::size_t i = 0; i < log->segments_.size(); ++i) {
    if (!log->read_segment(i, visit, problem)) return nullptr;
  }
  // Only now, with a whole log in hand, is anything removed.
  if (ErrorCode error = log->remove_segments(unused)) {
    problem = {LogProblem::Kind::Io, log->options_.directory, 0, error};
    return nullptr;
  }
  return log;
}

/// Walks back from the newest segment: each names its predecessor. Others were cut off or purged.
bool LogStore::find_chain(std::vector<std::uint64_t>& unused, LogProblem& problem) {
  auto names = files_.list(options_.directory);
  if (!names) {
    problem = {LogProblem::Kind::Missing, options_.directory, 0, names.error()};
    return false;
  }
  for (const auto& name : *names) {
    if (name.ends_with(kTemporarySuffix)) {
      if (ErrorCode error = files_.remove(options_.directory + "/" + name)) {
        problem = {LogProblem::Kind::Io, options_.directory + "/" + name, 0, error};
        return false;
      }
    } else if (auto sequence = sequence_of(name)) {
      unused.push_back(*sequence);
    }
  }
  std::sort(unused.begin(), unused.end());
  if (unused.empty()) {
    problem = {LogProblem::Kind::Missing, options_.directory, 0, {}};
    return false;
  }
  next_sequence_ = unused.back() + 1;
  std::uint64_t sequence = 0;
  for (auto newest = unused.rbegin(); newest != unused.rend() && sequence == 0; ++newest) {
    auto header = read_header(*newest, problem);
    if (!header) return false;
    if (!header->prepared) sequence = *newest;
  }
  if (sequence == 0) {
    problem = {LogProblem::Kind::Missing, options_.directory, 0, {}};
    return false;
  }
  while (sequence != 0) {
    auto at = std::find(unused.begin(), unused.end(), sequence);
    if (at == unused.end()) break;  // Purged.
    auto header = read_header(sequence, problem);
    if (!header) return false;
    if (header->prepared) {
      problem = {LogProblem::Kind::Damaged, path_of(sequence), 0, {}};
      return false;
    }
    segments_.insert(segments_.begin(), {*header, 0, header->base});
    unused.erase(at);
    sequence = header->previous;
  }
  return true;
}

/// It was synced before it got its name: an unreadable one is damage, wherever it stands.
std::optional<SegmentHeader> LogStore::read_header(std::uint64_t sequence, LogProblem& problem) {
  auto file = files_.open(path_of(sequence), OpenMode::Read);
  Bytes head(kSegmentHeaderBytes);
  Result<std::size_t> count = file ? (*file)->pread(0, head) : Result<std::size_t>(file.error());
  if (!count) {
    problem = {LogProblem::Kind::Io, path_of(sequence), 0, count.error()};
    return std::nullopt;
  }
  head.resize(*count);
  auto header = decode_segment_header(head);
  if (header && header->sequence == sequence && header->previous < sequence) return header;
  problem = {LogProblem::Kind::Damaged, path_of(sequence), 0, {}};
  if (auto version = foreign_segment_version(head)) {
    problem.kind = LogProblem::Kind::Version;
    problem.version = *version;
  }
  return std::nullopt;
}

bool LogStore::read_segment(std::size_t index, const std::function<void(LogRecord)>& visit,
                            LogProblem& problem) {
  Segment& segment = segments_[index];
  bool is_last = index + 1 == segments_.size();
  problem = {LogProblem::Kind::Damaged, path_of(segment.header.sequence), kDataStart, {}};
  if (segment.header.base != last_) return false;  // A gap between two segments (hazard R6).
  auto file = read(segment.header.sequence);
  if (!file) {
    problem.kind = LogProblem::Kind::Io;
    problem.error = file.error();
    return false;
  }
  bool rising = true;
  std::optional<std::uint64_t> limit;
  if (!is_last) limit = segments_[index + 1].header.previous_end;
  auto scan =
      scan_segment(segment.header, *file, limit, [&](Zxid zxid, ByteView bytes, std::uint64_t end) {
        rising = zxid > last_;
        if (!rising) return false;
        visit({zxid, SharedBytes(Bytes(bytes.begin(), bytes.end()))});
        const std::uint64_t size = kRecordHeaderBytes + bytes.size();
        note_place({zxid, segment.header.sequence, end - size, size});
        last_ = zxid;
        ++segment.records;
        return true;
      });
  segment.last = last_;
  problem.offset = scan.end;
  if (!rising || scan.damaged) return false;
  if (is_last) {
    if (ErrorCode error = settle_tail(scan, *file)) {
      problem.kind = LogProblem::Kind::Io;
      problem.error = error;
      return false;
    }
  }
  problem = {};
  return true;
}

/// What no header proves durable is written and synced again: after a kill it may be in the page
/// cache only, and after a failed fsync the cache would never write it by itself. A torn tail ends
/// in a new segment, so that nothing behind the cut can become readable again.
ErrorCode LogStore::settle_tail(const SegmentScan& scan, ByteView content) {
  std::uint64_t sequence = segments_.back().header.sequence;
  auto file = files_.open(path_of(sequence), OpenMode::ReadWrite);
  if (!file) return file.error();
  file_ = std::move(*file);
  end_ = synced_ = stamped_ = scan.end;
  zeroed_ = std::max<std::uint64_t>(content.size(), scan.end);
  const std::uint64_t begin = scan.end - scan.end % options_.block_bytes();
  const auto rest = content.subspan(std::min<std::uint64_t>(begin, content.size()));
  buffer_.assign(rest.begin(), rest.end());
  buffer_.resize(scan.end - begin);
  if (scan.proven < scan.end) {
    std::uint64_t end = std::min<std::uint64_t>(scan.end, content.size());
    if (ErrorCode error =
            file_->pwrite(scan.proven, content.subspan(scan.proven, end - scan.proven))) {
      return error;
    }
    if (ErrorCode error = file_->sync()) return error;
    stamped_ = scan.proven;
  }
  if (options_.block_bytes() > 1) file_->expect_blocks();
  if (!scan.clean) {
    torn_tail_cut_ = true;
    return start_segment(sequence, scan.end, last_);
  }
  return stamp_durable_point();
}

// ---- Writing ------------------------------------------------------------------------------------

ErrorCode LogStore::append(std::span<const LogRecord* const> records) {
  for (const auto* record : records) {
    ENSURE(record->zxid > last_);
    last_ = record->zxid;
  }
  if (full_with(group_size(records))) {
    if (ErrorCode error = roll()) return error;
  }
  if (ErrorCode error = write_group(records)) return error;
  segments_.back().records += records.size();
  segments_.back().last = last_;
  return {};
}

/// A prepared successor is used as soon as the blocks written here are. While one is being made
/// this segment grows instead of waiting, up to twice its size.
bool LogStore::full_with(std::size_t bytes) const {
  if (end_ == kDataStart) return false;
  std::uint64_t limit = options_.segment_bytes;
  if (spare_) limit = segments_.back().header.capacity;
  if (preparing_) limit *= 2;
  return end_ + bytes > limit;
}

ErrorCode LogStore::roll() {
  // The next segment names the end of this one as durable, so it has to be.
  if (ErrorCode error = sync()) return error;
  const Segment& full = segments_.back();
  return start_segment(full.header.sequence, end_, full.last);
}

ErrorCode LogStore::write_group(std::span<const LogRecord* const> records) {
  const std::size_t before = buffer_.size();
  encode_group(buffer_, segments_.back().header, end_, synced_, records);
  const std::size_t size = buffer_.size() - before;
  std::uint64_t at = end_ + kGroupHeaderBytes;
  for (const LogRecord* record : records) {
    const std::uint64_t bytes = kRecordHeaderBytes + record->bytes.size();
    note_place({record->zxid, segments_.back().header.sequence, at, bytes});
    at += bytes;
  }
  // buffer_ ends at end_ again, in front of write_blocks() and behind it.
  end_ += size;
  if (ErrorCode error = write_blocks()) return error;
  return zero_ahead();
}

/// What is behind end_ in its block was zero and stays so.
ErrorCode LogStore::write_blocks() {
  const std::uint64_t from = end_ - buffer_.size();
  const std::size_t size = buffer_.size();
  buffer_.resize(block_end(end_) - from);
  if (ErrorCode error = file_->pwrite(from, buffer_)) return error;
  header_pending_ = false;
  const std::size_t kept = end_ % options_.block_bytes();
  const auto rest = ByteView(buffer_).subspan(size - kept, kept);
  if (buffer_.capacity() > kBufferBytesKept) {
    buffer_ = Bytes(rest.begin(), rest.end());
  } else {
    std::copy(rest.begin(), rest.end(), buffer_.begin());
    buffer_.resize(kept);
  }
  return {};
}

std::uint64_t LogStore::block_end(std::uint64_t offset) const {
  const std::uint64_t block = options_.block_bytes();
  return (offset + block - 1) / block * block;
}

ErrorCode LogStore::zero_ahead() {
  if (end_ <= zeroed_) return {};
  const std::uint64_t written = block_end(end_);
  const std::uint64_t chunk = std::max<std::uint64_t>(options_.chunk_bytes, 1);
  const std::uint64_t target =
      std::max(written, std::min((end_ / chunk + 1) * chunk, options_.segment_bytes));
  if (target > written) {
    Bytes zeros(target - written);
    if (ErrorCode error = file_->pwrite(written, zeros)) return error;
  }
  zeroed_ = target;
  return {};
}

ErrorCode LogStore::sync() {
  if (synced_ == end_) return {};
  if (ErrorCode error = file_->sync()) return error;
  synced_ = end_;
  return {};
}

ErrorCode LogStore::stamp_durable_point() {
  if (stamped_ == end_) return {};
  if (ErrorCode error = sync()) return error;
  if (ErrorCode error = write_group({})) return error;
  if (ErrorCode error = sync()) return error;
  stamped_ = end_;
  return {};
}

ErrorCode LogStore::cut(Zxid after) {
  if (last_ <= after) return {};
  ENSURE(after >= base());
  if (ErrorCode error = sync()) return error;
  std::size_t index = segments_.size() - 1;
  while (segments_[index].header.base > after) --index;

  Segment& kept = segments_[index];
  auto file = read(kept.header.sequence);
  if (!file) return file.error();
  std::uint64_t end = kDataStart;
  std::uint64_t limit =
      index + 1 < segments_.size() ? segments_[index + 1].header.previous_end : end_;
  Segment left{kept.header, 0, kept.header.base};
  scan_segment(kept.header, *file, limit, [&](Zxid zxid, ByteView, std::uint64_t record_end) {
    if (zxid > after) return false;
    ++left.records;
    left.last = zxid;
    end = record_end;
    return true;
  });
  std::vector<std::uint64_t> unused;
  for (std::size_t i = index + 1; i < segments_.size(); ++i) {
    unused.push_back(segments_[i].header.sequence);
  }
  kept = left;
  segments_.resize(index + 1);
  last_ = left.last;
  forget_places(last_);
  if (ErrorCode error = start_segment(left.header.sequence, end, last_)) return error;
  if (ErrorCode error = write_header()) return error;
  return remove_segments(unused);
}

ErrorCode LogStore::restart(Zxid base) {
  std::vector<std::uint64_t> unused;
  for (const Segment& segment : segments_) unused.push_back(segment.header.sequence);
  segments_.clear();
  last_ = base;
  places_known_ = 0;
  if (ErrorCode error = start_segment(0, 0, base)) return error;
  if (ErrorCode error = write_header()) return error;
  return remove_segments(unused);
}

ErrorCode LogStore::purge(Zxid checkpoint, std::size_t window_records) {
  // Records <= checkpoint that would be left, counted by whole segments: never too many removed.
  std::size_t left = 0;
  std::size_t first_kept = segments_.size() - 1;
  for (std::size_t i = segments_.size(); i-- > 0;) {
    first_kept = i;
    bool covered = segments_[i].last <= checkpoint;
    if (covered) left += segments_[i].records;
    if (covered && left >= window_records) break;
  }
  // Segment first_kept reaches the window; when even all of them do not, it is 0.
  std::vector<std::uint64_t> unused;
  for (std::size_t i = 0; i < first_kept; ++i) unused.push_back(segments_[i].header.sequence);
  // Not while one is being made: it may be of the blocks that wait under that very name.
  if (!recyclable_ && !preparing_ && first_kept > 0 &&
      segments_[first_kept - 1].header.capacity == next_capacity()) {
    if (ErrorCode error = files_.rename(path_of(unused.back()), recycle_path())) return error;
    unused.pop_back();
    recyclable_ = true;
    if (unused.empty()) {
      if (ErrorCode error = files_.sync_directory(options_.directory)) return error;
    }
  }
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_kept));
  return remove_segments(unused);
}

}  // namespace quorate::server
