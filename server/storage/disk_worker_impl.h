// The inside of DiskWorker, shared by recovery.cc (which fills it) and disk_worker.cc.
#pragma once

#include <optional>

#include "server/storage/disk_worker.h"
#include "server/storage/epoch_store.h"
#include "server/storage/generation.h"

namespace quorate::server {

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
  bool blank = false;  ///< The file `blank` is there: until a leader has synced this server.
};

}  // namespace quorate::server
