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

/// The one interface that the apply half of every operation works on, so that the leader foresees
/// a txn by the very code that carries it out. Paths may spell the root "/" or "".
class TreeState {
 public:
  virtual ~TreeState() = default;

  /// nullptr when there is no such node.
  virtual const NodeState* find(std::string_view path) const = 0;
  /// As find(), to be changed. After a change of its Stat, changed() must be told. Valid until the
  /// node is erased.
  virtual NodeState* edit(std::string_view path) = 0;
  virtual const AclList& acl_of(const NodeState& node) const = 0;

  /// `parent` comes from edit(); `path` does not exist. Counts the child in; the parent's Stat is
  /// the caller's.
  virtual NodeState& insert(NodeState& parent, const std::string& path,
                            std::optional<std::string_view> data, const AclList& acl,
                            const StoredStat& stat) = 0;
  /// Both come from edit(). The node has no children.
  virtual void erase(NodeState& parent, NodeState& node, const std::string& path) = 0;
  virtual void set_data(NodeState& node, const std::string& path,
                        std::optional<std::string_view> data) = 0;
  virtual void set_acl(NodeState& node, const AclList& acl) = 0;
  /// The node's Stat or data is new: renews the digest.
  virtual void changed(NodeState& node) { redigest(node); }

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

  void redigest(NodeState& node) {
    if (!node.digested) return;
    digest_ -= node.digest;
    node.digest = node_digest(node.content_crc, node.stat);
    digest_ += node.digest;
  }
  void undigest(NodeState& node) {
    digest_ -= node.digest;
    node.digest = 0;
  }

  std::uint64_t digest_ = 0;  ///< Sum of the nodes' digests, modulo 2^64.
};

}  // namespace quorate::znode
