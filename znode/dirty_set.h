// What has changed since the last checkpoint.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "znode/data_tree.h"

namespace quorate::znode {

class DirtySet {
 public:
  void mark(Node& node);
  /// The node is about to be destroyed; its path becomes a tombstone.
  void mark_deleted(Node& node, const std::string& path);
  /// A node has come into being at a path that may have a tombstone.
  void mark_created(Node& node, const std::string& path);
  void mark_session(SessionId session) { sessions_.insert(session); }
  void mark_acl(AclKey key) { acls_.insert(key); }

  std::size_t size() const { return nodes_.size() + tombstones_.size(); }
  /// About what the nodes and tombstones will take in the checkpoint.
  std::size_t bytes() const { return bytes_; }

  /// By path, so parents come before children.
  std::vector<DirtyNode> take_nodes();
  /// Changed, opened or closed; in order.
  std::set<SessionId> take_sessions();
  std::set<AclKey> take_acls();

  /// Nothing is dirty any more.
  void clear();

 private:
  std::vector<Node*> nodes_;
  std::set<std::string> tombstones_;
  std::set<SessionId> sessions_;
  std::set<AclKey> acls_;
  std::size_t bytes_ = 0;
};

}  // namespace quorate::znode
