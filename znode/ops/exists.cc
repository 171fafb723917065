// exists (spec: tree-semantics 5, 7).
#include "znode/ops/table.h"
#include "znode/watch_table.h"

namespace quorate::znode {
namespace {

/// The one read that leaves a watch behind on a node that is not there.
Code read_exists(const ReadContext& context, const PathWatchRequest& request, JuteWriter& out) {
  if (request.path.find('\0') != std::string::npos) return Code::BadArguments;
  const Node* node = context.tree.find(request.path);
  if (node != nullptr && !may_read(context, *node)) return Code::NoAuth;
  if (request.watch) context.watches.add(WatchKind::Data, request.path, context.connection);
  if (node == nullptr) return Code::NoNode;
  out.stat(client_stat(node->state()));
  return Code::Ok;
}

}  // namespace

constinit const OpSpec kExists =
    read_op<PathWatchRequest, read_exists>({OpCode::Exists, "exists", OpKind::Read});

}  // namespace quorate::znode
