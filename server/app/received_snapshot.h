// The snapshot file that the admin command restore is given.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "server/admin/restore_upload.h"
#include "server/storage/files.h"

namespace quorate::server {

/// Kept in `folder` without a name, so that it is gone when it is closed, however this process
/// ends; at most half of what is free there. `files` outlives it.
Result<std::unique_ptr<ReceivedSnapshot>> open_received_snapshot(Files& files,
                                                                 const std::string& folder,
                                                                 std::size_t field_max);

}  // namespace quorate::server
