// setData (spec: tree-semantics 2, 5).
#include "znode/ops/set_data.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "znode/path.h"

namespace quorate::znode {
namespace {

Result<SetDataTxn> prepare_set_data(const Draft& draft, SetDataRequest& request) {
  if (!draft.session_alive()) return Code::SessionExpired;
  if (!is_valid_path(request.path)) return Code::BadArguments;
  const std::optional<NodeState> node = draft.view.find(request.path);
  if (!node) return Code::NoNode;
  if (!draft.may(perm::kWrite, *node)) return Code::NoAuth;
  const auto size = static_cast<std::int64_t>(request.data ? request.data->size() : 0);
  const std::int64_t more = size - std::max(node->data_length, 0);
  if (ErrorCode refused = draft.check_quota(request.path, 0, more)) return refused;
  Result<std::int32_t> version = next_version(node->stat.version, request.version);
  if (!version) return version.error();
  return SetDataTxn{std::move(request.path), std::move(request.data), *version};
}

}  // namespace

void apply_set_data(const ApplyContext& context, const SetDataTxn& txn) {
  std::optional<NodeEdit> node = context.state.edit(txn.path);
  if (!node) {
    ENSURE(context.mode == ReplayMode::Fuzzy);
    return;
  }
  context.state.set_data(*node, txn.path, txn.data);
  node->stat.version = txn.version;
  node->stat.mzxid = context.header.zxid.value;
  node->stat.mtime = context.header.time_ms;
  context.state.changed(*node);
  if (context.outcome == nullptr) return;
  context.outcome->path = txn.path;
  context.outcome->stat = client_stat(*node);
  context.fire(EventType::NodeDataChanged, txn.path);
}

constinit const OpSpec kSetData = write_op<SetDataTxn, apply_set_data>(
    {OpCode::SetData, "setData", OpKind::Write},
    prepare_with<SetDataRequest, SetDataTxn, prepare_set_data>, reply_stat);

}  // namespace quorate::znode
