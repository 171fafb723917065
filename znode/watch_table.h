// Who waits for which change. Watches belong to a connection, not to a session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "znode/op.h"
#include "znode/slot_index.h"

namespace quorate::znode {

/// The modes on one path are independent of one another (3.9).
enum class WatchKind : std::uint8_t {
  Data,        ///< One-shot: created, deleted, data changed.
  Child,       ///< One-shot: children changed, deleted.
  Persistent,  ///< Both of these, and stays.
  Recursive,   ///< Created, deleted, data changed, of the node and all below it, and stays.
};

constexpr std::uint8_t watch_bit(WatchKind kind) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(kind));
}

/// What removeWatches and checkWatches name (spec: client-protocol 6).
enum class WatcherType : std::int32_t {
  Children = 1,
  Data = 2,
  Any = 3,
  Persistent = 4,
  Recursive = 5,
};

/// Of the data table: what the word wchs tells.
struct WatchSummary {
  std::size_t connections = 0, paths = 0, watches = 0;
};

/// Standard watches leave the table when they fire, persistent ones stay. As in ZooKeeper there are
/// two tables: data (Data, Persistent, Recursive) and child (Child, Persistent); a connection
/// counts once per path and table.
///
/// One record of 32 bytes per connection and path, threaded through a list of its path and a list
/// of its connection, so that any watch is set and removed in constant time: neither 10,000
/// watchers of one path nor 10,000 watches of one connection cost more than their number.
class WatchTable {
 public:
  WatchTable();
  ~WatchTable();
  WatchTable(WatchTable&&) noexcept;
  WatchTable& operator=(WatchTable&&) noexcept;

  /// Setting the same watch twice on one connection is one watch.
  void add(WatchKind kind, std::string_view path, ConnectionId connection);
  /// False when the connection has no such watch on exactly that path.
  bool remove(WatcherType type, std::string_view path, ConnectionId connection);
  bool contains(WatcherType type, std::string_view path, ConnectionId connection) const;
  /// Everything of a connection that has ended.
  void drop(ConnectionId connection);

  /// Returns the connections that must receive `fire`, each once, in an order that depends on the
  /// calls so far only, and removes the standard watches that it uses up.
  /// NodeCreated, NodeDataChanged: data table, and recursive watches on any ancestor;
  /// NodeChildrenChanged: child table; NodeDeleted: as NodeCreated, then the child table.
  std::vector<ConnectionId> take(const Fire& fire);

  std::size_t data_watches() const { return data_count_; }
  std::size_t child_watches() const { return child_count_; }
  std::size_t size() const { return data_count_ + child_count_; }

  // ---- For operators
  // -----------------------------------------------------------------------------
  /// Costs a walk over all watches.
  WatchSummary data_summary() const;
  /// Calls `visit(ConnectionId, std::string_view path)` for each watch of the data table, path by
  /// path.
  template <class Visit>
  void for_each_data_watch(Visit&& visit) const;

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = SlotIndex::kNone;

  /// All watches of one connection on one path.
  struct Watch {
    ConnectionId connection;
    Index path = kNone;
    Index path_next = kNone, path_prev = kNone;  ///< A ring, oldest first.
    Index mine_next = kNone, mine_prev = kNone;  ///< A list, newest first.
    std::uint8_t modes = 0;                      ///< One bit per WatchKind.
  };
  static_assert(sizeof(Watch) == 32);

  struct Path {
    std::string text;
    std::uint32_t hash = 0;
    Index first = kNone;
    std::uint32_t counts[4] = {};  ///< By WatchKind.
  };

  /// Elements keep their number; blocks, so that growth neither moves nor doubles anything.
  template <class T>
  class Slab {
   public:
    static constexpr Index kBlock = 256;
    Index take();
    void give_back(Index index);
    T& operator[](Index index) { return blocks_[index / kBlock][index % kBlock]; }
    const T& operator[](Index index) const { return blocks_[index / kBlock][index % kBlock]; }
    Index end() const { return end_; }  ///< All numbers in use are below.

   private:
    std::vector<std::unique_ptr<T[]>> blocks_;
    std::vector<Index> free_;
    Index end_ = 0;
  };

  Index find_path(std::string_view path) const;
  Index find_watch(Index path, ConnectionId connection) const;
  Index find_first_of(ConnectionId connection) const;
  Index make_path(std::string_view path);
  Index make_watch(Index path, ConnectionId connection);
  void clear_modes(Index watch, std::uint8_t modes);
  void unlink(Index watch);
  void take_from(Index path, std::uint8_t modes, std::vector<ConnectionId>& out);
  void take_recursive(std::string_view path, std::vector<ConnectionId>& out) const;
  std::vector<ConnectionId> take_data(std::string_view path, Index at);

  Slab<Watch> watches_;
  Slab<Path> paths_;
  SlotIndex by_path_;        ///< Of paths_, by text.
  SlotIndex by_pair_;        ///< Of watches_, by path and connection.
  SlotIndex by_connection_;  ///< Of watches_: the first of each connection's list.
  std::size_t data_count_ = 0, child_count_ = 0, recursive_count_ = 0;

  static constexpr std::uint8_t kDataTable = watch_bit(WatchKind::Data) |
                                             watch_bit(WatchKind::Persistent) |
                                             watch_bit(WatchKind::Recursive);
  static constexpr std::uint8_t kChildTable =
      watch_bit(WatchKind::Child) | watch_bit(WatchKind::Persistent);
  static std::uint8_t modes_of(WatcherType type);
};

template <class Visit>
void WatchTable::for_each_data_watch(Visit&& visit) const {
  for (Index path = 0; path < paths_.end(); ++path) {
    const Path& entry = paths_[path];
    if (entry.first == kNone) continue;
    Index at = entry.first;
    do {
      const Watch& watch = watches_[at];
      if ((watch.modes & kDataTable) != 0) visit(watch.connection, std::string_view(entry.text));
      at = watch.path_next;
    } while (at != entry.first);
  }
}

}  // namespace quorate::znode
