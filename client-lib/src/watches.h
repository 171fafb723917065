// Who wants to be told of what: watches by path, as the server holds them for us.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "quorate/types.h"
#include "znode/proto/records.h"
#include "znode/proto/types.h"

namespace quorate::client {

/// Names whoever is told. One taker may hold any number of watches.
using WatchId = std::uint64_t;

/// Data: node was there (getData, exists). Exist: it was not (exists). Child: getChildren. The last
/// two are those of addWatch. The kind decides which events fire it, whether that spends it, and in
/// which list of SetWatches2 it is restored.
enum class WatchKind { Data, Exist, Child, Persistent, Recursive };

/// A watch that was taken back, and the event that says so.
struct RemovedWatch {
  EventType event = EventType::None;
  WatchId id = 0;
  bool operator==(const RemovedWatch&) const = default;
};

/// Many ids on one path and kind are one watch at the server.
class WatchBook {
 public:
  void add(WatchKind kind, const std::string& path, WatchId id);

  /// Those that `type` at `path` fires, each once (tree-semantics §7); one-shot ones are spent.
  std::vector<WatchId> take(EventType type, const std::string& path);

  /// Takes back watches at `path`: those of `only`, or all when that is 0.
  std::vector<RemovedWatch> remove(WatchType type, const std::string& path, WatchId only);
  /// Whether anybody but `id` holds a watch of this type at `path`.
  bool others(WatchType type, const std::string& path, WatchId id) const;

  /// All watches as SetWatches2 requests of at most about `bytes_max` bytes each.
  std::vector<SetWatches2Request> portions(Zxid relative_zxid, std::size_t bytes_max) const;

  void clear();
  /// Distinct (kind, path) pairs.
  std::size_t size() const;
  /// Whether `id` holds any watch.
  bool refers(WatchId id) const { return references_.contains(id); }

 private:
  using Table = std::map<std::string, std::vector<WatchId>, std::less<>>;

  void spend(Table& table, std::string_view path, std::vector<WatchId>& out);
  void tell_recursive(std::string_view path, std::vector<WatchId>& out) const;
  void release(WatchId id);
  Table& table(WatchKind kind) { return tables_[static_cast<std::size_t>(kind)]; }
  const Table& table(WatchKind kind) const { return tables_[static_cast<std::size_t>(kind)]; }

  Table tables_[5];  ///< By kind.
  std::unordered_map<WatchId, std::uint32_t> references_;
};

}  // namespace quorate::client
