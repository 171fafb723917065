// getACL (spec: tree-semantics 5, 10).
#include "znode/acl.h"
#include "znode/acl_table.h"
#include "znode/ops/table.h"

namespace quorate::znode {
namespace {

Code read_acl(const ReadContext& context, const PathRequest& request, JuteWriter& out) {
  const Node* node = context.tree.find(request.path);
  if (node == nullptr) return Code::NoNode;
  const AclList& list = context.tree.acls().list(node->acl());
  const auto granted = [&](std::int32_t perms) {
    return context.options.skip_acl || permits(list, context.caller.identities, perms);
  };
  if (!granted(perm::kRead | perm::kAdmin)) return Code::NoAuth;
  out.acls(granted(perm::kAdmin) ? list : masked_acl(list));
  out.stat(client_stat(node->state()));
  return Code::Ok;
}

}  // namespace

constinit const OpSpec kGetAcl =
    read_op<PathRequest, read_acl>({OpCode::GetAcl, "getACL", OpKind::Read});

}  // namespace quorate::znode
