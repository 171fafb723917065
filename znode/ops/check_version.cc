// check: a condition inside a multi; alone it is refused (it once poisoned logs, ZOOKEEPER-2623).
#include "znode/ops/table.h"
#include "znode/path.h"

namespace quorate::znode {
namespace {

/// The txn holds the checked version plus one, as ZooKeeper writes it.
Result<CheckVersionTxn> prepare_check(const Draft& draft, CheckVersionRequest& request) {
  if (!draft.session_alive()) return Code::SessionExpired;
  if (!is_valid_path(request.path)) return Code::BadArguments;
  const std::optional<NodeState> node = draft.view.find(request.path);
  if (!node) return Code::NoNode;
  if (!draft.may(perm::kRead, *node)) return Code::NoAuth;
  Result<std::int32_t> version = next_version(node->stat.version, request.version);
  if (!version) return version.error();
  return CheckVersionTxn{request.path, *version};
}

void apply_check(const ApplyContext&, const CheckVersionTxn&) {}

}  // namespace

constinit const OpSpec kCheck = write_op<CheckVersionTxn, apply_check>(
    {OpCode::Check, "check", OpKind::Unknown},
    prepare_with<CheckVersionRequest, CheckVersionTxn, prepare_check>);

}  // namespace quorate::znode
