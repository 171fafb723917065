// setACL (spec: tree-semantics 5, 10).
#include "base/ensure.h"
#include "znode/acl.h"
#include "znode/ops/table.h"
#include "znode/path.h"

namespace quorate::znode {
namespace {

Result<SetAclTxn> prepare_set_acl(const Draft& draft, SetAclRequest& request) {
  if (!draft.session_alive()) return Code::SessionExpired;
  if (!is_valid_path(request.path)) return Code::BadArguments;
  Result<AclList> acl = fixed_acl(request.acl, draft.caller.identities, draft.options.acl_schemes);
  if (!acl) return acl.error();
  const std::optional<NodeState> node = draft.view.find(request.path);
  if (!node) return Code::NoNode;
  if (!draft.may(perm::kAdmin, *node)) return Code::NoAuth;
  Result<std::int32_t> version = next_version(node->stat.aversion, request.version);
  if (!version) return version.error();
  return SetAclTxn{request.path, std::move(*acl), *version};
}

void apply_set_acl(const ApplyContext& context, const SetAclTxn& txn) {
  std::optional<NodeEdit> node = context.state.edit(txn.path);
  if (!node) {
    ENSURE(context.mode == ReplayMode::Fuzzy);
    return;
  }
  context.state.set_acl(*node, txn.acl);
  node->stat.aversion = txn.version;
  context.state.changed(*node);
  if (context.outcome == nullptr) return;
  context.outcome->path = txn.path;
  context.outcome->stat = client_stat(*node);
}

}  // namespace

constinit const OpSpec kSetAcl = write_op<SetAclTxn, apply_set_acl>(
    {OpCode::SetAcl, "setACL", OpKind::Write},
    prepare_with<SetAclRequest, SetAclTxn, prepare_set_acl>, reply_stat);

}  // namespace quorate::znode
