// What has changed since the last checkpoint, and what one under way still has to encode.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "znode/data_tree.h"
#include "znode/session_table.h"
#include "znode/snapshot.h"

namespace quorate::znode {

/// A checkpoint is as of one moment, but encoded in slices between which the tree goes on changing.
/// begin() freezes all that is dirty; whoever is about to change a frozen node, session or ACL list
/// says so first (before_...), and its state of that moment is encoded then. Every node is in one
/// of three states: clean, dirty, frozen (dirty when the checkpoint began, not encoded yet).
class DirtySet {
 public:
  /// The node has changed. ENSURE: not frozen, for its old state would be lost.
  void mark(Node& node);
  /// As mark(), of a node that has not changed since the checkpoint under way began.
  void mark_unchanged(Node& node);
  /// The node is about to be destroyed; its path becomes a tombstone.
  void mark_deleted(Node& node, const std::string& path);
  /// A node has come into being at a path that may have a tombstone.
  void mark_created(Node& node, const std::string& path);
  void mark_session(SessionId session) { sessions_.insert(session); }
  void mark_acl(AclKey key) { acls_.insert(key); }

  std::size_t size() const { return nodes_.size() + tombstones_.size(); }
  /// About what the nodes and tombstones will take in the checkpoint.
  std::size_t bytes() const { return bytes_; }

  // ---- Copy before change -----------------------------------------------------------------------
  void before_change(Node& node) {
    if (frozen_ && is_frozen(node)) encode_early(node);
  }
  void before_change(SessionId session, const SessionTable& sessions) {
    if (frozen_) encode_session(session, sessions);
  }
  void before_change(AclKey key, const AclTable& acls) {
    if (frozen_) encode_acl(key, acls);
  }

  // ---- A checkpoint under way -------------------------------------------------------------------
  /// Freezes all that is dirty. ENSURE: none is under way. `meta` joins the first portion.
  void begin(Zxid zxid, Bytes meta, bool from_scratch);
  bool under_way() const { return frozen_ != nullptr; }
  /// At most about `limit.bytes` and `limit.nodes`; with `ends` set nothing is frozen any more.
  CheckpointBatch next_portion(const PortionLimit& limit, const AclTable& acls,
                               const SessionTable& sessions);
  /// Ends it unfinished. What was frozen is clean then: the caller marks everything.
  void abandon();

  /// By path, so parents come before children; the nodes are clean then.
  std::vector<DirtyNode> take_nodes();
  /// Nothing is dirty or frozen any more.
  void clear();

  /// The checkpoints that the store has taken last, so that the loss of one in the middle shows.
  struct Chain {
    Zxid last() const { return taken.empty() ? kBlankZxid : taken.back(); }
    std::deque<Zxid> taken;
  };
  Chain chain;

 private:
  struct Frozen {
    CheckpointBatch ready;  ///< Encoded, not handed out.
    std::vector<Node*> nodes;
    std::size_t next = 0;  ///< Index of the first node not looked at; nullptr: encoded early.
    std::set<std::string> tombstones;
    std::set<SessionId> sessions;
    std::set<AclKey> acls;
    bool empty() const {
      return next == nodes.size() && tombstones.empty() && sessions.empty() && acls.empty();
    }
  };

  bool is_frozen(const Node& node) const;
  void list(Node& node);
  void encode_early(Node& node);
  void encode_session(SessionId session, const SessionTable& sessions);
  void encode_acl(AclKey key, const AclTable& acls);

  std::vector<Node*> nodes_;
  std::set<std::string> tombstones_;
  std::set<SessionId> sessions_;
  std::set<AclKey> acls_;
  std::size_t bytes_ = 0;
  /// Top bit of the slots of dirty nodes; frozen ones have the other. It changes with each
  /// checkpoint, so that freezing touches no node.
  std::uint32_t live_bit_ = 0;
  std::unique_ptr<Frozen> frozen_;
};

}  // namespace quorate::znode
