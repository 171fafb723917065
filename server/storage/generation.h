// A generation: one checkpoint, the log that goes with it, and perhaps an older copy of the
// checkpoint. CURRENT names the one in use.
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
  std::string folder(std::uint64_t generation) const;
  /// A generation's first checkpoint has no number; later ones were rewritten from memory.
  std::string checkpoint(std::uint64_t generation, std::uint64_t copy = 1) const;
  std::string archive(std::uint64_t generation, Zxid zxid) const;
  std::string log(std::uint64_t generation) const;

  std::string data;  ///< dataDir/quorate-1
  std::string logs;  ///< dataLogDir/quorate-1
};

struct Generation {
  std::uint64_t number = 0;
  std::shared_ptr<TreeStore> store;  ///< Shared with readers of a SNAP stream.
  std::unique_ptr<LogStore> log;
  Zxid checkpoint;  ///< As of which the store is.
  std::uint64_t checkpoint_copy = 1;
  Zxid archived;  ///< As of which the archive is; 0: there is none.
};

/// A store filled in pieces, in a folder of its own. Nobody looks at it before a file names it, so
/// a crash or an error in between leaves nothing but a folder to be removed.
class StoreBuilder {
 public:
  /// Whatever is in `folder` is what an earlier attempt left.
  static Result<std::unique_ptr<StoreBuilder>> begin(Files& files,
                                                     const OpenTreeStore& open_tree_store,
                                                     const std::string& folder);
  ErrorCode add(const std::vector<znode::CheckpointEntry>& entries,
                const znode::EntryPack& pack = {});
  /// Durable, the name of its folder included.
  Result<std::unique_ptr<TreeStore>> finish();

 private:
  StoreBuilder(Files& files, std::string folder, std::unique_ptr<TreeStore> store)
      : files_(files), folder_(std::move(folder)), store_(std::move(store)) {}
  Files& files_;
  std::string folder_;
  std::unique_ptr<TreeStore> store_;
};

/// Makes generation `number` of a store that was built in its folder, with an empty log behind it;
/// durable with its folders, but not current.
Result<Generation> complete_generation(Files& files, const StorageOptions& options,
                                       std::uint64_t number, StoreBuilder& built, Zxid zxid);

/// The same, from a checkpoint that is there as one batch.
Result<Generation> build_generation(Files& files, const OpenTreeStore& open_tree_store,
                                    const StorageOptions& options, std::uint64_t number,
                                    const znode::CheckpointBatch& whole);

/// Makes it the one that the next start takes; atomic and durable.
ErrorCode make_current(Files& files, const StoragePaths& paths, std::uint64_t number);

/// Generations present in either folder, sorted.
std::vector<std::uint64_t> list_generations(Files& files, const StoragePaths& paths);

/// Removes all but `kept`.
ErrorCode remove_other_generations(Files& files, const StoragePaths& paths, std::uint64_t kept);

/// Removes checkpoints and archives of the generation that no file names any more.
ErrorCode remove_unnamed_stores(Files& files, const StoragePaths& paths,
                                const Generation& generation);

LogOptions log_options(const StorageOptions& options, std::uint64_t generation);

}  // namespace quorate::server
