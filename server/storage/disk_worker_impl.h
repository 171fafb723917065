// The inside of DiskWorker, shared by recovery.cc (which fills it) and disk_worker.cc.
#pragma once

#include <atomic>
#include <optional>

#include "server/storage/disk_worker.h"
#include "server/storage/epoch_store.h"
#include "server/storage/generation.h"
#include "server/storage/scrub.h"

namespace quorate::server {

/// No second try: after a failed write or fsync the kernel may report success for pages it has
/// dropped, and memory would be ahead of the disk (hazards R7, R21).
void or_fatal(ErrorCode error, const char* what, const std::string& where);

struct DiskWorker::Impl {
  using Fault = std::optional<StorageFault>;

  Impl(Files& files_port, OpenTreeStore opener, StorageOptions storage_options)
      : files(files_port),
        open_tree_store(std::move(opener)),
        options(std::move(storage_options)),
        paths(options),
        epochs(files, paths.data) {}

  // ---- recovery.cc ------------------------------------------------------------------------------
  Fault recover(Recovered& recovered, std::string& notice);
  Fault refuse_to_start_empty();
  Fault start_fresh();
  /// Without `damage` set, `recovered` holds tree and log. With it, they cannot be trusted.
  Fault load(Recovered& recovered, std::optional<std::string>& damage);
  Fault find_stores();
  Fault load_archive(Recovered& recovered, std::optional<std::string>& damage);
  Fault copy_archive(TreeStore& archive);
  Fault load_store(const std::string& path, Recovered& recovered,
                   std::shared_ptr<TreeStore>& opened, std::optional<std::string>& damage);
  Fault load_tree(Recovered& recovered, std::optional<std::string>& damage);
  Fault load_log(Recovered& recovered, std::optional<std::string>& damage);
  Fault check_that_they_fit(Recovered& recovered, std::optional<std::string>& damage);
  /// Durably: blank, an empty tree and an empty log; the epochs stay.
  Fault drop_tree_and_log(Recovered& recovered);
  Fault remove_blank_marker();
  ErrorCode sync_ancestors();

  Files& files;
  OpenTreeStore open_tree_store;
  StorageOptions options;
  StoragePaths paths;
  EpochStore epochs;
  Generation generation;

  // ---- checkpoint_work.cc -----------------------------------------------------------------------
  ErrorCode renew(const znode::CheckpointBatch& portion);
  ErrorCode rewrite(const znode::CheckpointBatch& portion);
  ErrorCode keep_archive();
  ErrorCode build(const znode::CheckpointBatch& portion);

  /// The highest number of a checkpoint's folder: each attempt takes the next.
  std::uint64_t next_copy = 1;
  Zxid staged;                              ///< As of which what is staged is.
  std::unique_ptr<StoreBuilder> rewriting;  ///< A checkpoint from scratch.
  std::unique_ptr<StoreBuilder> building;   ///< The next generation's.
  std::uint64_t building_number = 0;
  std::optional<Scrub> scrub;
  /// No record behind it may be purged: of the archive, or of the one being made. INT64_MAX: none.
  /// Written by the checkpoint's thread, read by the log's.
  std::atomic<std::int64_t> purge_limit{INT64_MAX};
  Zxid purged_for;  ///< The log's: the checkpoint that it heard of last.
  std::atomic<std::uint64_t> log_bytes{0};
  std::atomic<std::uint64_t> log_bytes_archived{0};
  bool blank = false;  ///< The file `blank` is there: until a leader has synced this server.
};

}  // namespace quorate::server
