// Taking over a data folder of ZooKeeper 3.5 to 3.9, and writing one, so that there is a way back
// (spec: storage-formats 7, 8). The vote of a server is the same before and after: last logged
// zxid and both epochs are kept, the records that may not be committed included.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "server/storage/disk_worker.h"

namespace quorate::server {

struct BackupReport {
  std::vector<std::string> lines;  ///< What was found and done, a line each; also before a fault.
  Zxid last;                       ///< Last logged zxid.
  std::uint32_t accepted_epoch = 0, current_epoch = 0;
};

struct ImportSource {
  std::string data_dir;      ///< ZooKeeper's dataDir, or its version-2 folder.
  std::string data_log_dir;  ///< ZooKeeper's dataLogDir; empty: the same.
  /// Longest string, buffer or record that is believed.
  std::size_t field_max = 256u << 20;
};

/// Makes `target` from `source`, which is only read. Nothing is left behind after a fault.
/// Fault: what is wrong and where; exit code 2 for a target that has data already, 10 for damage.
std::optional<StorageFault> import_zookeeper(Files& files, const OpenTreeStore& open_tree_store,
                                             const ImportSource& source,
                                             const StorageOptions& target, BackupReport& report);

/// Writes snapshot, log, epochs (and myid for `self`) below `directory`/version-2, which must not
/// exist, from the data of a server that is not running.
std::optional<StorageFault> export_zookeeper(Files& files, OpenTreeStore open_tree_store,
                                             const StorageOptions& source,
                                             const std::string& directory,
                                             std::optional<ServerId> self, BackupReport& report);

}  // namespace quorate::server
