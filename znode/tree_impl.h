// The inside of DataTree, for znode's own files.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "znode/acl_table.h"
#include "znode/data_tree.h"
#include "znode/dirty_set.h"
#include "znode/node_index.h"
#include "znode/path.h"
#include "znode/quota.h"
#include "znode/tree_state.h"

namespace quorate::znode {

struct DataTree::Impl final : TreeState {
  Impl();

  std::optional<NodeState> find(std::string_view path) const override {
    const Node* node = node_at(path);
    return node == nullptr ? std::nullopt : std::optional(node->state());
  }
  std::optional<NodeEdit> edit(std::string_view path) override;
  const AclList& acl_of(const NodeState& node) const override { return acls.list(node.acl); }
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

  /// Of an owner that is neither a session nor 0.
  std::set<std::string>& reaped_nodes(std::int64_t owner) {
    return is_ttl_owner(owner) ? ttl_nodes : containers;
  }
  Node* node_at(std::string_view path) const { return index.find(stored_path(path)); }
  /// Puts a node into index, parent, digest and counts. `acl` has been acquired for it.
  Node& link(Node* parent, const std::string& path, std::optional<std::string_view> data,
             AclKey acl, const StoredStat& stat);
  void enter(Node& node, std::string_view path, std::optional<std::string_view> data,
             const StoredStat& stat);
  static NodeEdit edit_of(Node& node);
  // ---- Quotas (quota_counts.cc): what a change means for the counts below /zookeeper/quota
  // -------
  void quota_created(const std::string& path, std::int64_t bytes);
  void quota_deleted(const std::string& path, std::int64_t bytes);
  void quota_resized(std::string_view path, std::int64_t bytes);
  void add_use(std::string_view path, QuotaUse change);
  void recount(std::string_view prefix);
  void store_stats(Node& node, const std::string& text);
  QuotaUse use_of(std::string_view prefix) const;
  /// After loading: which subtrees have a quota, and how much of it is used.
  void load_quotas();

  /// `changed`: no checkpoint has it.
  ErrorCode load_node(std::string_view path, std::optional<std::string_view> data, AclKey acl,
                      const StoredStat& stat, bool changed = false);
  Node* loaded_parent(std::string_view path) const;
  ErrorCode finish_load(Zxid zxid);
  void mark_tables_dirty();
  void clear();
  void add_ephemeral(SessionId owner, const Node& node);
  void drop_ephemeral(SessionId owner, const Node& node);

  /// From clear() to finish_load(): the node that was loaded last.
  struct Loading {
    std::string path;
    Node* last;
  };

  NodeIndex index;
  Node* root = nullptr;
  std::optional<Loading> loading;
  AclTable acls;
  SessionTable sessions;
  /// In order of reference: told apart fast, and 4 bytes each.
  std::map<SessionId, std::vector<PoolRef>> ephemerals;
  std::size_t ephemeral_count = 0;
  std::set<std::string> containers, ttl_nodes;
  std::set<std::string, std::less<>> quotas;  ///< The subtrees with a limits node.
  std::int64_t data_size = 0;                 ///< Bytes of paths and data.
  DirtySet dirty;
  Zxid last_applied;
};

}  // namespace quorate::znode
