// delete, deleteContainer (spec: tree-semantics 5, 7).
#include "base/ensure.h"
#include "znode/ops/table.h"
#include "znode/path.h"

namespace quorate::znode {
namespace {

Result<DeleteTxn> prepare_delete(const Draft& draft, DeleteRequest& request) {
  if (!draft.session_alive()) return Code::SessionExpired;
  if (!has_path_form(request.path) || is_reserved_path(request.path)) return Code::BadArguments;
  const std::optional<NodeState> parent = draft.view.find(parent_path(request.path));
  if (!parent) return Code::NoNode;
  if (!draft.may(perm::kDelete, *parent)) return Code::NoAuth;
  const std::optional<NodeState> node = draft.view.find(request.path);
  if (!node) return Code::NoNode;
  if (request.version != kAnyVersion && request.version != node->stat.version) {
    return Code::BadVersion;
  }
  if (node->num_children > 0) return Code::NotEmpty;
  return DeleteTxn{request.path};
}

/// A fuzzy snapshot may show children that were created after this delete and a later create of
/// the same node. Their own creates follow in the log, so they go without a trace.
void drop_below(TreeState& state, const std::string& path) {
  std::vector<std::string> found = state.children_of(path);
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (std::string& child : state.children_of(found[i])) found.push_back(std::move(child));
  }
  for (auto at = found.rbegin(); at != found.rend(); ++at) {
    std::optional<NodeEdit> parent = state.edit(parent_path(*at));
    std::optional<NodeEdit> node = state.edit(*at);
    state.erase(*parent, *node, *at);
  }
}

void apply_delete(const ApplyContext& context, const DeleteTxn& txn) {
  const bool removed = remove_node(context, txn.path);
  ENSURE(removed || context.mode == ReplayMode::Fuzzy);
}

}  // namespace

bool remove_node(const ApplyContext& context, const std::string& path) {
  std::optional<NodeEdit> parent = context.state.edit(parent_path(path));
  if (!parent) return false;
  if (parent->stat.pzxid < context.header.zxid.value) {
    parent->stat.pzxid = context.header.zxid.value;
    context.state.changed(*parent);
  }
  std::optional<NodeEdit> node = context.state.edit(path);
  if (!node) return false;
  if (node->num_children > 0) {
    ENSURE(context.mode == ReplayMode::Fuzzy);
    drop_below(context.state, path);
    node = context.state.edit(path);
  }
  if (context.outcome != nullptr) {
    // After the delete nobody could tell any more who may know of it.
    auto acl = std::make_shared<const AclList>(context.state.acl_of(*node));
    context.outcome->fires.push_back({EventType::NodeDeleted, path, std::move(acl)});
  }
  context.state.erase(*parent, *node, path);
  context.fire(EventType::NodeChildrenChanged, parent_path(path));
  return true;
}

constinit const OpSpec kDelete =
    write_op<DeleteTxn, apply_delete>({OpCode::Delete, "delete", OpKind::Write},
                                      prepare_with<DeleteRequest, DeleteTxn, prepare_delete>);
// Not for clients: ZooKeeper carries it out without looking at any right.
constinit const OpSpec kDeleteContainer =
    write_op<DeleteTxn, apply_delete>({OpCode::DeleteContainer, "deleteContainer", OpKind::Write});

}  // namespace quorate::znode
