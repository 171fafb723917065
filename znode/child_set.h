// The children of one node, always in byte order of their names.
#pragma once

#include <cstddef>
#include <iterator>
#include <string_view>
#include <vector>

#include "znode/node_pool.h"

namespace quorate::znode {

class Node;

/// Sorted blocks of references: a change moves at most one block, so that a node with a million
/// children costs no more at any one create than the search for the place.
class ChildSet {
 public:
  void insert(const NodePool& pool, PoolRef child);
  /// False: a child of this name is there already.
  bool insert_new(const NodePool& pool, PoolRef child);
  /// 0: no child has this name.
  PoolRef find(const NodePool& pool, std::string_view name) const;
  void erase(const NodePool& pool, PoolRef child);
  std::size_t size() const { return size_; }
  const std::vector<std::vector<PoolRef>>& blocks() const { return blocks_; }

 private:
  std::size_t block_for(const NodePool& pool, std::string_view name) const;

  std::vector<std::vector<PoolRef>> blocks_;  ///< None of them empty.
  std::size_t size_ = 0;
};

/// The children of a node for a loop. Valid until the tree changes.
class ChildRange {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = const Node*;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = value_type;

    Iterator() = default;
    Iterator(const NodePool* pool, const ChildSet* set, std::size_t block)
        : pool_(pool), set_(set), block_(block) {}
    const Node* operator*() const {
      return static_cast<const Node*>(pool_->small_at(set_->blocks()[block_][at_]));
    }
    Iterator& operator++() {
      if (++at_ == set_->blocks()[block_].size()) {
        at_ = 0;
        ++block_;
      }
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.block_ == b.block_ && a.at_ == b.at_;
    }

   private:
    const NodePool* pool_ = nullptr;
    const ChildSet* set_ = nullptr;
    std::size_t block_ = 0, at_ = 0;
  };

  ChildRange() = default;
  ChildRange(const NodePool& pool, const ChildSet& set) : pool_(&pool), set_(&set) {}
  Iterator begin() const { return {pool_, set_, 0}; }
  Iterator end() const { return {pool_, set_, set_ == nullptr ? 0 : set_->blocks().size()}; }
  std::size_t size() const { return set_ == nullptr ? 0 : set_->size(); }
  bool empty() const { return size() == 0; }

 private:
  const NodePool* pool_ = nullptr;
  const ChildSet* set_ = nullptr;
};

}  // namespace quorate::znode
