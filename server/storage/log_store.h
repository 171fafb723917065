// The txn log of one generation: append-only segments of blocks that were written before use.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "consensus/input.h"
#include "server/storage/files.h"
#include "server/storage/log_segment.h"

namespace quorate::server {

struct LogOptions {
  std::string directory;
  std::uint64_t segment_bytes = 64u << 20;
  /// What a segment begins with that could not be prepared: so many zeros are written ahead of the
  /// records, and again when they are used up. An append then overwrites written blocks and its
  /// sync need not journal new ones (design.md section 2). Prepared segments are as long as this,
  /// and fourfold again and again up to segment_bytes where much is written while one is made.
  std::uint64_t chunk_bytes = 1u << 20;
  std::uint64_t nonce_seed = 0;

  /// Groups are written with the rest of the blocks in which they begin and end, so that the system
  /// need not keep the blocks to complete them; unless segments are no whole blocks.
  std::uint64_t block_bytes() const {
    const bool whole = segment_bytes % kFileBlockBytes == 0 && chunk_bytes % kFileBlockBytes == 0;
    return whole ? kFileBlockBytes : 1;
  }
};

/// Why a log cannot be used as it is.
struct LogProblem {
  enum class Kind {
    None,
    Io,       ///< The file system refused; `error`.
    Missing,  ///< No segment at all.
    Damaged,  ///< Records that were durable once cannot be read any more.
    Version,  ///< Written by another version of this program; `version`.
  };
  Kind kind = Kind::None;
  std::string file;
  std::uint64_t offset = 0;
  ErrorCode error;
  std::uint32_t version = 0;
};

/// The next segment, to be made before it is needed: plain values, for any thread.
struct SegmentPreparation {
  std::string directory;
  std::string path;
  std::string recycled;  ///< A purged segment whose blocks are used again; empty: none.
  std::uint64_t sequence = 0;
  std::uint64_t capacity = 0;
};

/// Creates it (or takes the recycled one), fills it with zeros piece by piece, syncs it and its
/// folder. `between`, where given, is called between two pieces: the place to let the log's own
/// syncs pass. False from it ends the work with operation_canceled.
Result<std::unique_ptr<File>> prepare_segment(Files& files, const SegmentPreparation& wanted,
                                              const std::function<bool()>& between = {});

/// One owner thread. Errors of appends, syncs and cuts leave it unusable: the caller ends the
/// process (hazards R7, R21).
class LogStore {
 public:
  /// An empty log behind `base`; durable, its folder included, on return.
  static Result<std::unique_ptr<LogStore>> create(Files& files, LogOptions options, Zxid base);

  /// Reads all records in order, cuts a torn tail, and makes durable what it has shown: after a
  /// kill the last group may be in the page cache only. nullptr: `problem` says why.
  static std::unique_ptr<LogStore> open(Files& files, LogOptions options,
                                        const std::function<void(consensus::LogRecord)>& visit,
                                        LogProblem& problem);

  /// Writes one group; not durable before sync(). ENSURE: zxids rise.
  ErrorCode append(std::span<const consensus::LogRecord* const> records);
  ErrorCode sync();
  /// Cuts the log behind the greatest zxid <= `after` (hazard R20), durably; nothing to cut is
  /// fine. Atomic: a crash leaves the whole log or the cut one. ENSURE: `after` >= base().
  ErrorCode cut(Zxid after);
  /// Notes durably that all up to here is durable; does nothing when the log already says so.
  ErrorCode stamp_durable_point();
  /// Removes the oldest segments that hold only records <= `checkpoint` and are not needed for
  /// `window_records` records before it.
  ErrorCode purge(Zxid checkpoint, std::size_t window_records);
  /// Nothing has been written for a while. What was made for a busy log is given back: when few
  /// records are left that purge() would keep, they move into one small segment. Atomic: a crash
  /// leaves the one or the other. Without the room for it all stays as it is.
  ErrorCode rest(Zxid checkpoint, std::size_t window_records);

  /// The next segment when it is time to make it; prepared() must follow. The caller carries it out
  /// by prepare_segment(), in the background: no append waits for it.
  std::optional<SegmentPreparation> due_preparation();
  /// Without one the current segment grows, which is slower; tried again later.
  ErrorCode prepared(const SegmentPreparation& wanted, Result<std::unique_ptr<File>> file);

  /// Forgets all records: an empty log behind `base`. Atomic and durable.
  ErrorCode restart(Zxid base);

  Zxid base() const;  ///< The zxid just before the oldest record kept.
  Zxid last() const { return last_; }
  std::size_t segment_count() const { return segments_.size(); }
  bool torn_tail_cut() const { return torn_tail_cut_; }

 private:
  struct Segment {
    SegmentHeader header;
    std::uint64_t records = 0;
    Zxid last;
  };

  LogStore(Files& files, LogOptions options) : files_(files), options_(std::move(options)) {}

  std::string path_of(std::uint64_t sequence) const;
  Result<Bytes> read(std::uint64_t sequence) const;
  /// Makes `header` the current segment's, durably.
  ErrorCode start_segment(std::uint64_t previous, std::uint64_t previous_end, Zxid base);
  ErrorCode create_segment(SegmentHeader header);
  /// A file of this content, durable but for its name.
  Result<std::unique_ptr<File>> write_whole(const std::string& path, ByteView content);
  SegmentHeader new_header(std::uint64_t sequence, std::uint64_t previous,
                           std::uint64_t previous_end, Zxid base) const;
  /// Takes the prepared one; its header is written with the first group, or by write_header().
  void take_spare(SegmentHeader header);
  std::uint64_t smallest_capacity() const;
  std::uint64_t next_capacity() const;
  void adapt_capacity(std::uint64_t capacity);
  ErrorCode roll();
  ErrorCode write_header();
  ErrorCode write_blocks();
  /// The end of the block in which `offset` lies, or `offset` between two.
  std::uint64_t block_end(std::uint64_t offset) const;
  void keep_header();
  bool full_with(std::size_t bytes) const;
  std::string recycle_path() const { return options_.directory + "/recycle.tmp"; }
  ErrorCode write_group(std::span<const consensus::LogRecord* const> records);
  ErrorCode zero_ahead();
  ErrorCode remove_segments(const std::vector<std::uint64_t>& sequences);
  bool find_chain(std::vector<std::uint64_t>& unused, LogProblem& problem);
  std::optional<SegmentHeader> read_header(std::uint64_t sequence, LogProblem& problem);
  bool read_segment(std::size_t index, const std::function<void(consensus::LogRecord)>& visit,
                    LogProblem& problem);
  ErrorCode settle_tail(const SegmentScan& scan, ByteView file);

  /// Where a record lies.
  struct Place {
    Zxid zxid;
    std::uint64_t sequence = 0, offset = 0, size = 0;
  };
  void note_place(const Place& place);
  /// The newest but `back`; ENSURE: places_known_ is greater.
  const Place& place(std::size_t back) const;
  void forget_places(Zxid after);
  std::uint64_t file_bytes() const;
  /// The records to be kept, oldest first, and the zxid before them. Nothing: they are too many.
  std::optional<std::vector<consensus::LogRecord>> few_kept(Zxid checkpoint,
                                                            std::size_t window_records,
                                                            Zxid& base) const;
  std::optional<consensus::LogRecord> read_record(const Place& place) const;

  Files& files_;
  LogOptions options_;
  std::vector<Segment> segments_;  ///< Oldest first; never empty once open.
  std::unique_ptr<File> file_;     ///< The last segment.
  std::uint64_t next_sequence_ = 1;
  std::uint64_t end_ = 0;      ///< Where the next group goes.
  std::uint64_t synced_ = 0;   ///< Durable up to here.
  std::uint64_t stamped_ = 0;  ///< A header that ends here or a stamp names all before as durable.
  std::uint64_t zeroed_ = 0;   ///< Blocks written up to here.
  bool header_pending_ = false;  ///< To be written with the first group.
  struct Spare {
    std::uint64_t sequence;
    std::uint64_t capacity;
    std::unique_ptr<File> file;
  };
  std::optional<Spare> spare_;
  bool preparing_ = false;
  std::uint64_t preparing_from_ = 0;  ///< Where the segment ended when that began.
  std::uint64_t next_capacity_ = 0;   ///< Of the next one to be prepared; 0: of the smallest.
  bool recyclable_ = false;           ///< A purged segment waits under recycle_path().
  std::uint64_t prepare_from_ = 0;    ///< After a failure: not before the segment has this end.
  Zxid last_;
  bool torn_tail_cut_ = false;
  /// From the beginning of the block in which the next group begins to end_. Kept between groups:
  /// no allocation per group.
  Bytes buffer_;
  // Of the last records, as far as rest() may want them: a ring.
  std::vector<Place> places_;
  std::uint64_t places_noted_ = 0;
  std::size_t places_known_ = 0;
};

}  // namespace quorate::server
