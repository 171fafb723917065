// Each distinct ACL list stored once: most nodes of a tree share a handful of lists.
#pragma once

#include <cstddef>
#include <map>

#include "znode/data_tree.h"
#include "znode/proto/types.h"

namespace quorate::znode {

/// Lists by key, counted by the nodes that use them. Keys are never used twice, so that a
/// checkpoint entry of an old key cannot be taken for a new one.
class AclTable {
 public:
  /// The list behind a key that is in use.
  const AclList& list(AclKey key) const;
  bool contains(AclKey key) const;

  /// One more node uses `list`; returns its key. world:anyone:all is kOpenAcl and is not stored.
  AclKey acquire(const AclList& list);
  /// One more node uses the list of a known key.
  void acquire(AclKey key);
  /// One node less. Returns true when the list has gone with it.
  bool release(AclKey key);

  /// Loading: a list under the key it was saved with, used by no node so far.
  void load(AclKey key, AclList list);
  /// After loading: forgets lists that no node uses and returns their keys.
  std::vector<AclKey> drop_unused();

  void clear();
  std::size_t size() const { return entries_.size(); }

  struct Entry {
    AclList list;
    std::size_t users = 0;
  };
  /// In key order.
  const std::map<AclKey, Entry>& entries() const { return entries_; }

 private:
  void forget(std::map<AclKey, Entry>::iterator at);

  std::map<AclKey, Entry> entries_;
  std::map<AclList, AclKey> keys_;
  AclKey next_key_ = 1;
};

}  // namespace quorate::znode
