// getChildren, getChildren2, getAllChildrenNumber (spec: tree-semantics 5, 7).
#include "znode/ops/table.h"
#include "znode/watch_table.h"

namespace quorate::znode {
namespace {

/// The node, once it may be read and the watch is set; `refusal` otherwise.
const Node* listed_node(const ReadContext& context, const PathWatchRequest& request,
                        Code& refusal) {
  const Node* node = context.tree.find(request.path);
  if (node == nullptr) {
    refusal = Code::NoNode;
    return nullptr;
  }
  if (!may_read(context, *node)) {
    refusal = Code::NoAuth;
    return nullptr;
  }
  if (request.watch) context.watches.add(WatchKind::Child, request.path, context.connection);
  return node;
}

/// In byte order, so that equal trees give equal answers; clients must not rely on any order.
void write_names(const Node& node, JuteWriter& out) {
  const ChildRange children = node.children();
  out.i32(static_cast<std::int32_t>(children.size()));
  for (const Node* child : children) out.string(child->name());
}

Code read_children(const ReadContext& context, const PathWatchRequest& request, JuteWriter& out) {
  Code refusal = Code::Ok;
  const Node* node = listed_node(context, request, refusal);
  if (node != nullptr) write_names(*node, out);
  return refusal;
}

Code read_children2(const ReadContext& context, const PathWatchRequest& request, JuteWriter& out) {
  Code refusal = Code::Ok;
  const Node* node = listed_node(context, request, refusal);
  if (node == nullptr) return refusal;
  write_names(*node, out);
  out.stat(client_stat(node->state()));
  return Code::Ok;
}

/// All that is below, the node itself not counted.
Code read_all_children_number(const ReadContext& context, const PathRequest& request,
                              JuteWriter& out) {
  const Node* node = context.tree.find(request.path);
  if (node == nullptr) return Code::NoNode;
  if (!may_read(context, *node)) return Code::NoAuth;
  // ZooKeeper keeps the root under two names, "" and "/", and counts what starts with the given
  // path and a slash: asked for the empty path it counts the root as well.
  std::int32_t count = request.path.empty() ? 1 : 0;
  std::vector<const Node*> todo{node};
  while (!todo.empty()) {
    const ChildRange children = todo.back()->children();
    todo.pop_back();
    count += static_cast<std::int32_t>(children.size());
    for (const Node* child : children) todo.push_back(child);
  }
  out.i32(count);
  return Code::Ok;
}

}  // namespace

constinit const OpSpec kGetChildren =
    read_op<PathWatchRequest, read_children>({OpCode::GetChildren, "getChildren", OpKind::Read});
constinit const OpSpec kGetChildren2 =
    read_op<PathWatchRequest, read_children2>({OpCode::GetChildren2, "getChildren2", OpKind::Read});
constinit const OpSpec kGetAllChildrenNumber = read_op<PathRequest, read_all_children_number>(
    {OpCode::GetAllChildrenNumber, "getAllChildrenNumber", OpKind::Read});

}  // namespace quorate::znode
