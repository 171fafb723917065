// One znode: data, Stat, ACL reference, place in the tree.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "znode/data_tree.h"
#include "znode/proto/types.h"

namespace quorate::znode {

/// What txns see and change of a node: the same for a node of the tree and for one that exists
/// only in the leader's view of the future.
struct NodeState {
  StoredStat stat;
  AclKey acl = kOpenAcl;
  std::int32_t data_length = -1;  ///< -1: null.
  std::int32_t num_children = 0;
  std::uint32_t content_crc = 0;  ///< CRC-32 over path and data.
  std::uint32_t digest = 0;       ///< 0 for a node that is left out of the tree's digest.
  bool digested = true;
  bool pending = false;  ///< Lives in a PendingView, which then knows more of it.
};

/// The Stat as clients see it: cversion counts deletes too, internal owners are hidden.
Stat client_stat(const NodeState& node);

/// Hash of a path that can be continued: hash(parent + "/" + name) continues hash(parent). Fixed
/// for all times and machines, but nothing may depend on its order.
inline constexpr std::uint64_t kRootHash = 0xcbf29ce484222325ULL;
std::uint64_t continue_hash(std::uint64_t hash, std::string_view text);

/// A node knows its own name only; its path is the walk to the root. Name and data share one
/// allocation: with millions of nodes the overhead of each block counts.
class Node : public NodeState {
 public:
  /// The root has no parent and an empty name.
  Node(Node* parent, std::string_view name, std::optional<std::string_view> data);

  std::string_view name() const { return {bytes_.get(), name_length_}; }
  /// Nothing for null data.
  std::optional<std::string_view> data() const;
  Buffer data_copy() const;
  Node* parent() const { return parent_; }
  std::uint64_t path_hash() const { return path_hash_; }
  std::string path() const;  ///< "" for the root.
  bool is_at(std::string_view path) const;

  /// Replaces the bytes; Stat and CRC are the caller's business.
  void store_data(std::optional<std::string_view> data);

  /// In byte order of their names. Valid until the tree changes.
  std::span<Node* const> children() const;
  void add_child(Node& child);
  void remove_child(Node& child);

  static constexpr std::uint32_t kClean = UINT32_MAX;
  std::uint32_t dirty_slot = kClean;  ///< DirtySet's own: where it lists this node.

 private:
  /// Appended unsorted and sorted when somebody looks: a node with very many children would pay
  /// for order at every create, and few look.
  struct Children {
    std::vector<Node*> nodes;
    bool sorted = true;
  };

  void store(std::string_view name, std::optional<std::string_view> data);

  std::unique_ptr<char[]> bytes_;  ///< Name, then data.
  Node* parent_;
  std::uint64_t path_hash_;
  std::unique_ptr<Children> children_;  ///< Absent until the first child.
  std::uint32_t name_length_ = 0;
  std::uint32_t slot_ = 0;  ///< Where the parent lists this node.
};

}  // namespace quorate::znode
