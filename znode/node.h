// One znode: data, Stat, ACL reference, place in the tree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "znode/child_set.h"
#include "znode/data_tree.h"
#include "znode/node_pool.h"
#include "znode/proto/types.h"

namespace quorate::znode {

/// What txns see and change of a node: the same for a node of the tree and for one that exists
/// only in the leader's view of the future. Laid out without a gap: every byte counts a million
/// times.
struct NodeState {
  [[no_unique_address]] StoredStat stat;
  std::int32_t data_length = -1;  ///< -1: null.
  AclKey acl = kOpenAcl;
  std::int32_t num_children = 0;
  std::uint32_t content_crc = 0;  ///< CRC-32 over path and data.
  std::uint32_t digest = 0;       ///< 0 for a node that is left out of the tree's digest.
  std::uint32_t digested : 1 = 1;
  std::uint32_t pending : 1 = 0;       ///< Lives in a PendingView, which then knows more of it.
  std::uint32_t name_length : 30 = 0;  ///< Node's own.
};
static_assert(sizeof(NodeState) == 88);

/// The Stat as clients see it: cversion counts deletes too, internal owners are hidden.
Stat client_stat(const NodeState& node);

/// Hash of a whole path. Fixed for all times and machines, but nothing may depend on its order.
std::uint32_t path_hash(std::string_view path);

/// A node knows its own name only; its path is the walk to the root. It lives in a NodePool in two
/// pieces, which take no room beyond their own: this one, which never moves, and one with name and
/// data. Made and destroyed by NodeIndex.
class Node : public NodeState {
 public:
  static Node& make(NodePool& pool, Node* parent, std::string_view name, std::uint32_t path_hash,
                    std::optional<std::string_view> data);
  /// Gives back both pieces and the list of children.
  void destroy();

  std::string_view name() const { return {text(), name_length}; }
  /// Nothing for null data.
  std::optional<std::string_view> data() const;
  Buffer data_copy() const;
  Node* parent() const;
  std::uint32_t path_hash() const { return path_hash_; }
  PoolRef ref() const { return NodePool::ref_of(this); }
  std::string path() const;  ///< "" for the root.
  bool is_at(std::string_view path) const;

  /// Replaces the bytes; Stat and CRC are the caller's business.
  void store_data(std::optional<std::string_view> data);

  /// In byte order of their names. Valid until the tree changes.
  ChildRange children() const;
  void add_child(Node& child);
  void remove_child(Node& child);

  static constexpr std::uint32_t kClean = UINT32_MAX;
  std::uint32_t dirty_slot = kClean;  ///< DirtySet's own: where it lists this node.

 private:
  Node() = default;

  NodePool& pool() const { return NodePool::of(this); }
  /// The second piece: a pointer to the ChildSet where there are children, name, data.
  std::size_t content_size() const { return content_size(num_children > 0, data_length); }
  std::size_t content_size(bool with_children, std::int32_t length) const;
  char* content() const { return static_cast<char*>(pool().at(content_, content_size())); }
  char* text() const { return content() + (num_children > 0 ? sizeof(ChildSet*) : 0); }
  ChildSet* child_set() const;
  void move_content(bool with_children, std::int32_t length);

  PoolRef parent_ = 0;
  PoolRef content_ = 0;
  std::uint32_t path_hash_ = 0;
};
static_assert(sizeof(Node) == 104);

}  // namespace quorate::znode
