// The tree of znodes with sessions and digest: the state machine that txns change.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "znode/proto/types.h"
#include "znode/session_table.h"

namespace quorate::znode {

/// Reference to a list in the ACL table; -1 is world:anyone:all and is not in the table.
using AclKey = std::int64_t;
inline constexpr AclKey kOpenAcl = -1;

/// What is stored with a node; 60 bytes on disk and on the wire. `cversion` counts creates only;
/// clients see 2 * cversion - children.
struct StoredStat {
  std::int64_t czxid = 0, mzxid = 0, pzxid = 0, ctime = 0, mtime = 0;
  std::int64_t ephemeral_owner = 0;  ///< Session; container and TTL nodes have negative values.
  std::int32_t version = 0, cversion = 0, aversion = 0;  ///< Last, so that no byte is lost.
  friend bool operator==(const StoredStat&, const StoredStat&) = default;
};

/// Owner values that are no session (spec: tree-semantics 3).
inline constexpr std::int64_t kContainerOwner = INT64_MIN;
inline constexpr std::uint64_t kTtlMask = 0xffffffffff;  ///< The bits that hold a TTL, in ms.
/// The feature id behind the mark must be 0: ids of the sessions of server 255 begin with 0xff too.
constexpr bool is_ttl_owner(std::int64_t owner) {
  return (static_cast<std::uint64_t>(owner) >> 40) == 0xff0000;
}
constexpr std::int64_t ttl_owner(std::int64_t ttl_ms) {
  return static_cast<std::int64_t>(0xff00000000000000ULL |
                                   (static_cast<std::uint64_t>(ttl_ms) & kTtlMask));
}
constexpr std::int64_t ttl_of(std::int64_t owner) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(owner) & kTtlMask);
}
constexpr bool is_session_owner(std::int64_t owner) {
  return owner != 0 && owner != kContainerOwner && !is_ttl_owner(owner);
}

class Node;      // node.h
class AclTable;  // acl_table.h

/// One node as it is written to a checkpoint or snapshot; the root's path is "".
struct NodeRecord {
  std::string path;
  Buffer data;
  AclKey acl = kOpenAcl;
  StoredStat stat;
};

/// One entry of the checkpoint: a changed node, or a tombstone for one that is gone.
struct DirtyNode {
  std::string path;
  const Node* node;  ///< nullptr: deleted. Valid until the tree changes.
};

/// Owned by the replica thread. Changes come through apply() (znode/op.h) only; everything else
/// here reads, or loads a checkpoint. Exact as of last_applied().
class DataTree {
 public:
  /// The tree of an empty server: "/", /zookeeper, /zookeeper/quota, /zookeeper/config.
  DataTree();
  ~DataTree();
  DataTree(DataTree&&) noexcept;
  DataTree& operator=(DataTree&&) noexcept;

  /// nullptr when there is no such node. "" and "/" are the root. One hash probe.
  const Node* find(std::string_view path) const;

  Zxid last_applied() const;
  std::uint64_t digest() const;
  std::size_t node_count() const;  ///< As `srvr` reports it: the root counts twice.
  std::size_t ephemeral_count() const;
  std::int64_t approximate_data_size() const;  ///< Bytes of paths and data.
  const SessionTable& sessions() const;
  const AclTable& acls() const;
  /// Paths of the ephemerals of `session`, sorted.
  std::vector<std::string> ephemerals(SessionId session) const;
  std::vector<SessionId> sessions_with_ephemerals() const;
  /// Paths of the nodes that are deleted once they are of no use, sorted.
  const std::set<std::string>& containers() const;
  const std::set<std::string>& ttl_nodes() const;

  // ---- Loading: an empty tree is filled from a checkpoint or a SNAP stream ---------------------
  /// Forgets everything, also the initial nodes.
  void clear();
  void load_session(SessionId id, std::int32_t timeout_ms);
  void load_acl(AclKey key, AclList list);
  /// Behind clear(). Error: MarshallingError (unknown parent, duplicate path, unknown ACL key).
  /// Parents come before children; no node is found by its path before finish_load().
  ErrorCode load_node(const NodeRecord& record);
  /// Ends loading: the content is as of `zxid`. Recomputes the digest.
  /// Error: MarshallingError if the root is missing.
  ErrorCode finish_load(Zxid zxid);

  // ---- Checkpoint: what has changed since the last one ------------------------------------------
  std::size_t dirty_count() const;
  std::size_t dirty_bytes() const;
  /// Hands out all changed nodes, parents before children, and forgets that they are dirty.
  std::vector<DirtyNode> take_dirty();
  /// Marks every node (a checkpoint is to be written from scratch).
  void mark_all_dirty();

  /// All nodes, parents before children, in an order that depends on content only.
  void for_each(const std::function<void(const std::string& path, const Node&)>& visit) const;

  /// Internals: used by znode/ops and pending_view only.
  struct Impl;
  Impl& impl() { return *impl_; }
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace quorate::znode
