// All nodes of a tree, found by path.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "znode/node.h"

namespace quorate::znode {

/// Owns the nodes. Open addressing with linear probing: one pointer per slot, the hash is in the
/// node, a hit is verified by walking the parents.
class NodeIndex {
 public:
  NodeIndex();

  /// nullptr when no node has this path. `path` as stored: "" is the root.
  Node* find(std::string_view path) const;

  /// No node with its path may be in the index yet.
  Node& insert(std::unique_ptr<Node> node);
  void erase(Node& node);

  std::size_t size() const { return size_; }

 private:
  std::size_t home(std::uint64_t hash) const;
  std::size_t after(std::size_t slot) const { return (slot + 1) & (slots_.size() - 1); }
  std::size_t slot_of(const Node& node) const;
  void place(std::unique_ptr<Node> node);
  void grow();

  std::vector<std::unique_ptr<Node>> slots_;  ///< A power of two many.
  std::size_t size_ = 0;
};

}  // namespace quorate::znode
