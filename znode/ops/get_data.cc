// getData (spec: tree-semantics 5, 7).
#include "znode/ops/table.h"
#include "znode/watch_table.h"

namespace quorate::znode {
namespace {

Code read_data(const ReadContext& context, const PathWatchRequest& request, JuteWriter& out) {
  const Node* node = context.tree.find(request.path);
  if (node == nullptr) return Code::NoNode;
  if (!may_read(context, *node)) return Code::NoAuth;
  if (request.watch) context.watches.add(WatchKind::Data, request.path, context.connection);
  if (const auto data = node->data()) {
    out.string(*data);
  } else {
    out.buffer(Buffer());
  }
  out.stat(client_stat(node->state()));
  return Code::Ok;
}

}  // namespace

constinit const OpSpec kGetData =
    read_op<PathWatchRequest, read_data>({OpCode::GetData, "getData", OpKind::Read});

}  // namespace quorate::znode
