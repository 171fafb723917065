// Who wants to be told of what: one-shot watches by path, as the server holds them for us.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "znode/proto/records.h"
#include "znode/proto/types.h"

namespace quorate::client {

using WatchId = std::uint64_t;

/// Data: node was there (getData, exists). Exist: it was not (exists). Child: getChildren.
/// The kind decides which events fire it and in which list of SetWatches it is restored.
enum class WatchKind { Data, Exist, Child };

/// Many ids on one path and kind are one watch at the server.
class WatchBook {
 public:
  void add(WatchKind kind, const std::string& path, WatchId id);

  /// Removes and returns the watches that `type` at `path` fires (tree-semantics §7).
  std::vector<WatchId> take(EventType type, const std::string& path);

  /// All watches as SetWatches2 requests of at most about `bytes_max` bytes each.
  std::vector<SetWatches2Request> portions(Zxid relative_zxid, std::size_t bytes_max) const;

  void clear();
  /// Distinct (kind, path) pairs.
  std::size_t size() const { return data_.size() + exist_.size() + child_.size(); }

 private:
  using Table = std::map<std::string, std::vector<WatchId>, std::less<>>;
  Table data_, exist_, child_;
};

}  // namespace quorate::client
