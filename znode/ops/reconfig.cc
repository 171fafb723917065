// reconfig: its txn writes /zookeeper/config. The membership change itself is consensus' business.
#include "znode/ops/set_data.h"
#include "znode/path.h"
#include "znode/pending_impl.h"

namespace quorate::znode {
namespace {

/// The order of the checks is ZooKeeper's: the right to write comes last (tree-semantics 5).
Result<TxnRecord> prepare_reconfig(const Draft& draft, JuteReader& body) {
  ReconfigRequest request;
  request.joining = body.nullable_string();
  request.leaving = body.nullable_string();
  request.new_members = body.nullable_string();
  request.based_on = body.i64();
  if (ErrorCode fault = body.finish()) return fault;
  if (draft.options.reconfig == nullptr) return Code::ReconfigDisabled;
  if (!draft.session_alive()) return Code::SessionExpired;
  Result<std::string> text = draft.options.reconfig->plan(request, draft.pending.impl().zxid);
  if (!text) return text.error();
  const std::optional<NodeState> node = draft.view.find(kConfigPath);
  if (!node) return Code::NoNode;
  if (!draft.may(perm::kWrite, *node)) return Code::NoAuth;
  return TxnRecord(SetDataTxn{std::string(kConfigPath), *std::move(text), kAnyVersion});
}

void apply_reconfig(const ApplyContext& context, const SetDataTxn& txn) {
  apply_set_data(context, txn);
  if (context.outcome != nullptr && txn.data) context.outcome->config = *txn.data;
}

void reply_config(JuteWriter& out, const Outcome& outcome) {
  out.string(outcome.config);
  reply_stat(out, outcome);
}

}  // namespace

Outcome set_config(DataTree& tree, std::string_view text, Zxid version, std::int64_t time_ms) {
  Outcome outcome;
  outcome.header.zxid = version;
  outcome.header.time_ms = time_ms;
  outcome.header.type = OpCode::Reconfig;
  // Fuzzy: a tree of long ago has no such node.
  apply_set_data({tree.impl(), outcome.header, ReplayMode::Fuzzy, &outcome},
                 SetDataTxn{std::string(kConfigPath), std::string(text), kAnyVersion});
  return outcome;
}

constinit const OpSpec kReconfig = write_op<SetDataTxn, apply_reconfig>(
    {OpCode::Reconfig, "reconfig", OpKind::Write}, prepare_reconfig, reply_config);

}  // namespace quorate::znode
