// A generation: one checkpoint and the log that goes with it. CURRENT names the one in use.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/storage/disk_worker.h"
#include "server/storage/log_store.h"

namespace quorate::server {

/// Where everything lies.
struct StoragePaths {
  explicit StoragePaths(const StorageOptions& options);
  std::string checkpoint(std::uint64_t generation) const;
  std::string log(std::uint64_t generation) const;

  std::string data;  ///< dataDir/quorate-1
  std::string logs;  ///< dataLogDir/quorate-1
};

struct Generation {
  std::uint64_t number = 0;
  std::shared_ptr<TreeStore> store;  ///< Shared with readers of a SNAP stream.
  std::unique_ptr<LogStore> log;
  Zxid checkpoint;  ///< As of which the store is.
};

/// Makes generation `number` from `whole`, with an empty log behind it; durable with its folders,
/// but not current. Written in several batches: nobody looks before make_current().
Result<Generation> build_generation(Files& files, const OpenTreeStore& open_tree_store,
                                    const StorageOptions& options, std::uint64_t number,
                                    const znode::CheckpointBatch& whole);

/// Makes it the one that the next start takes; atomic and durable.
ErrorCode make_current(Files& files, const StoragePaths& paths, std::uint64_t number);

/// Generations present in either folder, sorted.
std::vector<std::uint64_t> list_generations(Files& files, const StoragePaths& paths);

/// Removes all but `kept`.
ErrorCode remove_other_generations(Files& files, const StoragePaths& paths, std::uint64_t kept);

LogOptions log_options(const StorageOptions& options, std::uint64_t generation);

}  // namespace quorate::server
