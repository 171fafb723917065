// Who waits for which change. Watches belong to a connection, not to a session.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ids.h"
#include "znode/op.h"

namespace quorate::znode {

enum class WatchKind { Data, Child };

/// One-shot data and child watches. Standard watches leave the table when they fire; a data and a
/// child watch of one connection on a deleted node give one event (spec: tree-semantics 7).
class WatchTable {
 public:
  /// Setting the same watch twice on one connection is one watch.
  void add(WatchKind kind, std::string_view path, ConnectionId connection);

  /// Everything of a connection that has ended.
  void drop(ConnectionId connection);

  /// Removes and returns, in a fixed order, the connections that must receive `fire`.
  /// NodeCreated, NodeDataChanged: data watches; NodeChildrenChanged: child watches; NodeDeleted:
  /// both, each connection once.
  std::vector<ConnectionId> take(const Fire& fire);

  std::size_t data_watches() const { return data_count_; }
  std::size_t child_watches() const { return child_count_; }
  std::size_t size() const { return data_count_ + child_count_; }

 private:
  // Sorted small vectors: most paths have one watcher, and order must not depend on hashing.
  using Watchers = std::vector<ConnectionId>;
  using Table = std::unordered_map<std::string, Watchers>;

  std::vector<ConnectionId> take_from(Table& table, std::size_t& count, const std::string& path,
                                      WatchKind kind);

  Table data_, child_;
  std::size_t data_count_ = 0, child_count_ = 0;
  /// Paths a connection has data [0] and child [1] watches on, for drop().
  std::unordered_map<ConnectionId, std::unordered_set<std::string>> paths_[2];
};

}  // namespace quorate::znode
