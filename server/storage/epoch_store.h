// acceptedEpoch and currentEpoch: what this server has promised, and whose history it holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "server/storage/disk_worker.h"
#include "server/storage/files.h"

namespace quorate::server {

/// The file first, then memory (hazard R32). The caller orders it with the log's syncs (4643).
class EpochStore {
 public:
  EpochStore(Files& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  /// Both files exist after the first start; `fresh` says that this is it, and writes zeros. A file
  /// that is missing or damaged later is a fault: what was promised is unknown.
  std::optional<StorageFault> load(bool fresh);

  ErrorCode store_accepted(std::uint32_t epoch);
  ErrorCode store_current(std::uint32_t epoch);
  std::uint32_t accepted() const { return accepted_; }
  std::uint32_t current() const { return current_; }

 private:
  std::optional<StorageFault> load_one(const char* name, bool fresh, std::uint32_t& epoch);

  Files& files_;
  std::string directory_;
  std::uint32_t accepted_ = 0;
  std::uint32_t current_ = 0;
};

}  // namespace quorate::server
