// The inside of PendingView, for znode's own files.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "znode/pending_view.h"
#include "znode/tree_impl.h"
#include "znode/tree_state.h"

namespace quorate::znode {

struct PendingView::Impl final : TreeState {
  explicit Impl(const DataTree& tree_) : tree(tree_.impl()), zxid(tree.last_applied) {
    digest_ = tree.digest();
  }

  std::optional<NodeState> find(std::string_view path) const override;
  std::optional<NodeEdit> edit(std::string_view path) override;
  const AclList& acl_of(const NodeState& node) const override;
  NodeState insert(NodeEdit& parent, const std::string& path, std::optional<std::string_view> data,
                   const AclList& acl, const StoredStat& stat) override;
  void erase(NodeEdit& parent, NodeEdit& node, const std::string& path) override;
  void set_data(NodeEdit& node, const std::string& path,
                std::optional<std::string_view> data) override;
  void set_acl(NodeEdit& node, const AclList& acl) override;
  void changed(NodeEdit& node) override;
  std::vector<std::string> children_of(const std::string& path) const override;
  std::vector<std::string> ephemerals_of(SessionId session) const override;
  void open_session(SessionId session, std::int32_t timeout_ms) override;
  void close_session(SessionId session) override;

  bool exists(std::string_view path) const;
  bool session_alive(SessionId session) const;

  // ---- Quotas (pending_quota.cc): limits and use as they will be
  // ---------------------------------
  /// Refuses what goes beyond a hard limit if `enforce`; notes every breach for the log.
  ErrorCode check_quota(std::string_view path, QuotaUse change, bool enforce) const;
  void quota_created(const std::string& path, std::optional<std::string_view> data);
  void quota_deleted(const std::string& path, std::int64_t bytes);
  void quota_changed(std::string_view path, std::optional<std::string_view> data,
                     std::int64_t more);
  bool has_quotas() const { return !tree.quotas.empty() || !quotas_in_flight.empty(); }

  /// All changes until the next begin() belong to `zxid`.
  void begin(Zxid zxid);
  /// From here on the state before can be restored, until keep() or undo().
  void remember();
  void keep();
  void undo();
  void landed(Zxid zxid);

  /// A node as it will be. Only what prepare() asks for: no data, no list of children.
  struct PendingNode {
    StoredStat stat;
    std::int32_t data_length = -1;
    std::int32_t num_children = 0;
    AclKey acl = kOpenAcl;
    NodeDigest digest;
    bool exists = true;
    std::optional<AclList> own_acl;  ///< A list that the tree may not know yet; never the open one.
    Zxid last;                       ///< The newest txn in flight that changed it.

    /// Valid as long as the entry.
    NodeState state() const {
      return {stat, data_length, num_children, acl, own_acl ? &*own_acl : nullptr};
    }
  };
  struct PendingSession {
    bool alive = false;
    Zxid last;
  };
  /// An overlay entry that can be forgotten once `zxid` has landed, unless changed again since: it
  /// then has a landing of its own. Names the entry by its own key.
  struct Landing {
    Zxid zxid;
    const std::string* path;
  };
  struct Undo {
    std::string path;
    std::optional<PendingNode> before;
  };
  /// The texts of a quota's two nodes as they will be; nothing where there is no such node.
  struct PendingQuota {
    std::optional<std::string> limits, stats;
    Zxid last;
  };
  struct QuotaUndo {
    std::string prefix;
    std::optional<PendingQuota> before;
  };
  struct PathHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view path) const {
      return std::hash<std::string_view>{}(path);
    }
  };

  using NodeMap = std::unordered_map<std::string, PendingNode, PathHash, std::equal_to<>>;
  /// The overlay's entry for the path `key`, which `at` found or did not find: made then from the
  /// tree's node, if there is one. Notes the change for landed() and undo().
  PendingNode& entry(std::string_view key, NodeMap::iterator at, Node* origin);

  const DataTree::Impl& tree;
  NodeMap nodes;
  std::deque<Landing> landings;
  std::map<SessionId, PendingSession> sessions;
  /// Paths at which an ephemeral of the session came or went in flight, with the last such txn.
  std::map<SessionId, std::map<std::string, Zxid>> ephemerals_in_flight;
  std::deque<std::pair<Zxid, SessionId>> session_landings;
  Zxid zxid;
  std::vector<Undo> undo_log;
  std::map<std::string, PendingQuota, std::less<>> quotas_in_flight;
  std::deque<std::pair<Zxid, std::string>> quota_landings;
  std::vector<QuotaUndo> quota_undo_log;
  mutable std::optional<QuotaNote> quota_note;
  std::uint64_t digest_before = 0;
  std::size_t landings_before = 0;
  bool remembering = false;

 private:
  static PendingNode& entry_of(NodeEdit& edit) { return *static_cast<PendingNode*>(edit.pending); }
  void store_acl(PendingNode& node, const AclList& acl) const;
  void add_use(std::string_view path, QuotaUse change);
  std::optional<std::string_view> quota_of(std::string_view path) const;
  PendingQuota quota(std::string_view prefix) const;
  PendingQuota& quota_entry(std::string_view prefix);
  QuotaUse use_of(std::string_view prefix) const;
  static void store(PendingNode& node, const std::string& path,
                    std::optional<std::string_view> data);
  void note_ephemeral(std::int64_t owner, const std::string& path);
};

}  // namespace quorate::znode
