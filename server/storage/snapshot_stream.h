// The SNAP stream of the checkpoint, piece by piece out of one view of the store.
#pragma once

#include <memory>

#include "server/storage/disk_worker.h"

namespace quorate::server {

/// `zxid`: as of which the store is now. Holds the store until it is destroyed.
std::unique_ptr<DiskWorker::SnapshotReader> open_snapshot_stream(
    std::shared_ptr<TreeStore> store, std::unique_ptr<TreeStoreView> view, Zxid zxid);

}  // namespace quorate::server
