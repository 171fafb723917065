// What the disk thread does, as pure code over the ports Files and TreeStore: the simulator runs
// this very code on its virtual disk.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consensus/ready.h"
#include "server/replica/replica.h"
#include "server/storage/files.h"
#include "server/storage/log_store.h"
#include "server/storage/tree_store.h"

namespace quorate::server {

struct StorageOptions {
  std::string data_dir;      ///< Holds quorate-1/ (epochs, CURRENT, generations with checkpoint).
  std::string data_log_dir;  ///< Holds quorate-1/ with the generations' logs; may equal data_dir.
  std::uint64_t segment_bytes = 64u << 20;
  bool force_sync = true;
  /// The `initialize` marker of ZooKeeper was found (and removed) by the caller: an empty server
  /// may vote at once.
  bool initialize = false;
  bool standalone = false;  ///< Decides what damage before the tail means (design.md section 2).
  std::size_t window_records = 500;  ///< Records before the checkpoint to keep for DIFF.
  /// Reads the checkpoint at start.
  std::function<ErrorCode(TreeStore&, znode::CheckpointLoader&)> load_tree = load_in_order;
  /// Drawn anew at each start (from the seed in simulation): segments get nonces that no other has.
  std::uint64_t nonce_seed = 0;
};

/// Exit code of the program when its files fail it.
inline constexpr int kStorageExitCode = 10;

/// Why a server cannot start, in words an operator can act on. Where open() returns a worker,
/// `what` may hold something to log as a warning.
struct StorageFault {
  std::string what;
  int exit_code = kStorageExitCode;
};

/// "path: what the system says. What a person can do about it."
StorageFault io_fault(const std::string& path, ErrorCode error);
/// Found broken, and nothing here can mend it.
StorageFault lost_fault(const std::string& what);

/// Epochs, CURRENT, log and checkpoint of one server. One thread at a time: the disk thread, or the
/// checkpoint thread for the three functions that say so.
class DiskWorker {
 public:
  /// Recovery: opens what is there (or makes it), cuts a torn tail, reads the tree and the log.
  /// `fault` is set instead when the server must not start.
  static std::unique_ptr<DiskWorker> open(Files& files, OpenTreeStore open_tree_store,
                                          StorageOptions options, Recovered& recovered,
                                          StorageFault& fault);
  ~DiskWorker();

  /// Carries out all writes in order, as one group where the rules allow, each class durable before
  /// the next. Ends the process (fatal) on any error.
  void write(const std::vector<consensus::LogWrite>& writes);

  /// When the log has been idle for 100 ms, and at stop: stamps the durable point.
  void stamp_durable_point();
  /// When it has been idle for longer: LogStore::rest().
  void rest();

  /// The log's next segment, when it is time to make it: prepare() on any thread, then prepared()
  /// on this one. Not across an install(): the caller sees to that.
  std::optional<SegmentPreparation> due_preparation();
  Result<std::unique_ptr<File>> prepare(const SegmentPreparation& wanted,
                                        const std::function<bool()>& between = {});
  void prepared(const SegmentPreparation& wanted, Result<std::unique_ptr<File>> file);

  // ---- Checkpoint thread ------------------------------------------------------------------------
  /// See Disk::checkpoint. Nothing is written before the last portion, but from scratch. After an
  /// error of the last one, commit_checkpoint() may be tried again; error: illegal_byte_sequence
  /// when the store is damaged. From scratch: as for install().
  ErrorCode checkpoint(const znode::CheckpointBatch& portion);
  ErrorCode commit_checkpoint();
  /// Removes log segments that lie before the checkpoint, and before the archive; the log thread
  /// calls it.
  void purge(Zxid checkpoint);

  /// Reads the checkpoint as it is now slowly to its end, one piece at each call of scrub();
  /// `archive`: and copies it, to become the second generation. Ends one under way. Error: the
  /// archive cannot be begun; the store cannot be read now.
  ErrorCode begin_scrub(bool archive);
  bool scrubbing() const;
  struct ScrubStep {
    bool done = false;  ///< Nothing is under way any more.
    ErrorCode damage;   ///< The checkpoint cannot be read: a new one is needed.
    ErrorCode archive;  ///< The archive could not be written; there is the one of before.
  };
  ScrubStep scrub(std::size_t bytes);
  /// Bytes of records written since the archive was made, or since start.
  std::uint64_t log_bytes_since_archive() const;

  /// A reader of the SNAP stream, bound to one view of the checkpoint.
  class SnapshotReader {
   public:
    virtual ~SnapshotReader() = default;
    virtual Zxid zxid() const = 0;
    /// At most about 256 KiB; `last` is set with the final piece. Error: the store is damaged.
    virtual Result<Bytes> next(bool& last) = 0;
  };
  Result<std::unique_ptr<SnapshotReader>> read_snapshot();

  /// Disk thread. See Disk::install. Error: what was there before is untouched, and the rest of
  /// these portions void: each is answered by operation_canceled.
  ErrorCode install(const znode::CheckpointBatch& portion);
  /// Forgets the portions of one that will not end. False: there is none.
  bool drop_install();

 private:
  DiskWorker();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quorate::server
