// All nodes of a tree, found by path.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "znode/node.h"
#include "znode/node_pool.h"

namespace quorate::znode {

/// Owns the nodes. Extendible hashing: small tables with open addressing, chosen by the first bits
/// of the hash; a full table is split in two, so that growing never touches more than one of them
/// and never holds the whole index twice. A slot is a reference; a hit is verified by walking the
/// parents.
class NodeIndex {
 public:
  NodeIndex();
  ~NodeIndex();
  NodeIndex(const NodeIndex&) = delete;
  NodeIndex& operator=(const NodeIndex&) = delete;

  /// nullptr when no node has this path. `path` as stored: "" is the root.
  Node* find(std::string_view path) const;

  /// Makes the node of `path`, which has none yet. The parent does not list it so far.
  Node& create(Node* parent, std::string_view path, std::optional<std::string_view> data,
               const StoredStat& stat = {}, AclKey acl = kOpenAcl);
  void destroy(Node& node);
  void clear();

  // ---- Loading: a whole tree is put into an empty index at once. Until end_loading() find() knows
  // none of its nodes: their parents do, from the root on, which comes first.
  Node& load(Node* parent, std::string_view name, std::uint32_t path_hash,
             std::optional<std::string_view> data, const StoredStat& stat, AclKey acl);
  /// Of the node loaded last, which its parent does not list.
  void unload(Node& node);
  void end_loading();

  std::size_t size() const { return size_; }
  const Node& at(PoolRef ref) const { return node_at(ref); }

 private:
  struct Table {
    unsigned depth = 0;  ///< How many first bits of the hash all of its nodes share.
    std::size_t used = 0;
    std::vector<PoolRef> slots;  ///< 0: free.
  };

  Node& node_at(PoolRef ref) const { return *static_cast<Node*>(pool_->small_at(ref)); }
  std::size_t number_of(std::uint32_t hash) const {
    return static_cast<std::size_t>(std::uint64_t{hash} >> (32 - depth_));
  }
  Table& table_of(std::uint32_t hash) const { return *tables_[number_of(hash)]; }
  void destroy_all();  ///< Tables and nodes; nothing of the index may be used then.
  template <class Visit>
  void each_loaded(Visit&& visit) const;
  void place(Table& table, PoolRef ref, std::uint32_t hash);
  void make_room(std::uint32_t hash);
  void widen(Table& table);
  void split(std::uint32_t hash);

  std::unique_ptr<NodePool> pool_;
  unsigned depth_ = 0;
  /// 2^depth_ of them; a table of less depth stands at several places in a row, owned by the first.
  std::vector<Table*> tables_;
  std::size_t size_ = 0;
  Node* loaded_root_ = nullptr;  ///< Of nodes that are in no table yet.
};

}  // namespace quorate::znode
