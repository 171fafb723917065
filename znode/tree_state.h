// What a txn changes: the tree itself, or the leader's view of the tree to come.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "znode/digest.h"
#include "znode/node.h"

namespace quorate::znode {

/// A node's share of the tree's digest.
struct NodeDigest {
  std::uint32_t content_crc = 0;  ///< CRC-32 over path and data.
  std::uint32_t value = 0;        ///< 0 for a node that is left out.
  bool counted = true;
};

/// A node taken out to be changed, by TreeState's functions and in its Stat. Of no use any more
/// once the node is erased, or taken out again.
struct NodeEdit : NodeState {
  NodeDigest digest;        ///< As of the state that the tree's digest counts.
  Node* node = nullptr;     ///< Where it comes from: of the tree,
  void* pending = nullptr;  ///< or of a PendingView.
};

/// The one interface that the apply half of every operation works on, so that the leader foresees
/// a txn by the very code that carries it out. Paths may spell the root "/" or "".
class TreeState {
 public:
  virtual ~TreeState() = default;

  /// Nothing when there is no such node.
  virtual std::optional<NodeState> find(std::string_view path) const = 0;
  /// As find(), to be changed. A new Stat is stored by changed(), which must follow set_data() and
  /// set_acl() as well.
  virtual std::optional<NodeEdit> edit(std::string_view path) = 0;
  virtual const AclList& acl_of(const NodeState& node) const = 0;

  /// `parent` comes from edit(); `path` does not exist. Counts the child in; the parent's Stat is
  /// the caller's.
  virtual NodeState insert(NodeEdit& parent, const std::string& path,
                           std::optional<std::string_view> data, const AclList& acl,
                           const StoredStat& stat) = 0;
  /// Both come from edit(). The node has no children.
  virtual void erase(NodeEdit& parent, NodeEdit& node, const std::string& path) = 0;
  virtual void set_data(NodeEdit& node, const std::string& path,
                        std::optional<std::string_view> data) = 0;
  virtual void set_acl(NodeEdit& node, const AclList& acl) = 0;
  /// The node's Stat, data or ACL is new: stores the Stat and renews the digest.
  virtual void changed(NodeEdit& node) = 0;

  /// Full paths, sorted.
  virtual std::vector<std::string> children_of(const std::string& path) const = 0;
  virtual std::vector<std::string> ephemerals_of(SessionId session) const = 0;

  virtual void open_session(SessionId session, std::int32_t timeout_ms) = 0;
  virtual void close_session(SessionId session) = 0;

  std::uint64_t digest() const { return digest_; }

 protected:
  TreeState() = default;
  TreeState(const TreeState&) = default;
  TreeState& operator=(const TreeState&) = default;

  void redigest(NodeDigest& digest, const StoredStat& stat) {
    if (!digest.counted) return;
    digest_ -= digest.value;
    digest.value = node_digest(digest.content_crc, stat);
    digest_ += digest.value;
  }
  void undigest(NodeDigest& digest) {
    digest_ -= digest.value;
    digest.value = 0;
  }

  std::uint64_t digest_ = 0;  ///< Sum of the nodes' digests, modulo 2^64.
};

}  // namespace quorate::znode
