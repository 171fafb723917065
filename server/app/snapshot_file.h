// The snapshot file that the admin command of that name sends.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "server/admin/tree_spool.h"
#include "server/storage/files.h"

namespace quorate::server {

/// A file in `folder` without a name, so that it is gone when it is closed, however this process
/// ends. `keep` false: no file at all, only the size is counted. `files` outlives it.
Result<std::unique_ptr<SnapshotFile>> open_snapshot_file(Files& files, const std::string& folder,
                                                         bool keep);

}  // namespace quorate::server
