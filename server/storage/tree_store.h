// The key-value store behind the checkpoint: LevelDB in the server, a map with the same
// atomic-batch promise in the simulator.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "znode/snapshot.h"

namespace quorate::server {

/// A consistent view; later batches do not show in it.
class TreeStoreView {
 public:
  virtual ~TreeStoreView() = default;
  /// Calls `visit(key, value)` for keys from `from` (inclusive) that begin with `prefix`, in order,
  /// until it returns false or they end. Error: the store is damaged. Any number of threads.
  virtual ErrorCode scan(ByteView prefix, ByteView from,
                         const std::function<bool(ByteView key, ByteView value)>& visit) = 0;
};

class TreeStore {
 public:
  virtual ~TreeStore() = default;
  /// All or nothing, and durable when it returns.
  virtual ErrorCode write(const std::vector<znode::CheckpointEntry>& entries) = 0;

  // ---- One batch handed over in portions --------------------------------------------------------
  virtual void stage(const std::vector<znode::CheckpointEntry>& entries) = 0;
  /// Writes what is staged: all or nothing, and durable when it returns. After an error it is still
  /// staged, and commit() may be tried again. Error: illegal_byte_sequence when the store is
  /// damaged, which no further try mends.
  virtual ErrorCode commit() = 0;
  virtual void discard() = 0;

  // ---- A new store, filled in pieces ------------------------------------------------------------
  /// In the order of the calls. Nothing of it counts before settle(): until then it may be lost in
  /// part. After an error the store is of no use.
  virtual ErrorCode fill(const std::vector<znode::CheckpointEntry>& entries,
                         const znode::EntryPack& pack) = 0;
  /// All that fill() was given is there, durably.
  virtual ErrorCode settle() = 0;

  /// nullptr when the store cannot be read now, after a failed write.
  virtual std::unique_ptr<TreeStoreView> view() = 0;
  /// Rising keys that cut the whole into pieces of about equal size, for reading it with several
  /// threads. None: it is one piece.
  virtual std::vector<Bytes> cuts() { return {}; }
};

/// Feeds the whole store into `loader`, in key order. Error: the store's, or the loader's for an
/// entry.
ErrorCode load_in_order(TreeStore& store, znode::CheckpointLoader& loader);

/// Opens the store in `directory`, creating it if absent.
using OpenTreeStore =
    std::function<Result<std::unique_ptr<TreeStore>>(const std::string& directory)>;

}  // namespace quorate::server
