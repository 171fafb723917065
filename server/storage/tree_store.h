// The key-value store behind the checkpoint: LevelDB in the server, a map with the same
// atomic-batch promise in the simulator.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "znode/snapshot.h"

namespace quorate::server {

/// A consistent view; later batches do not show in it.
class TreeStoreView {
 public:
  virtual ~TreeStoreView() = default;
  /// Calls `visit(key, value)` for keys from `from` (inclusive) that begin with `prefix`, in order,
  /// until it returns false or they end. Error: the store is damaged.
  virtual ErrorCode scan(ByteView prefix, ByteView from,
                         const std::function<bool(ByteView key, ByteView value)>& visit) = 0;
};

class TreeStore {
 public:
  virtual ~TreeStore() = default;
  /// All or nothing, and durable when it returns.
  virtual ErrorCode write(const std::vector<znode::CheckpointEntry>& entries) = 0;
  virtual std::unique_ptr<TreeStoreView> view() = 0;
};

/// Opens the store in `directory`, creating it if absent.
using OpenTreeStore =
    std::function<Result<std::unique_ptr<TreeStore>>(const std::string& directory)>;

}  // namespace quorate::server
