// createSession, closeSession, and the txn of a refused request.
#include "znode/ops/table.h"

namespace quorate::znode {
namespace {

/// createSession's request is its txn record: the negotiated timeout.
Result<CreateSessionTxn> prepare_open(const Draft&, CreateSessionTxn& request) {
  return request;
}

void apply_open(const ApplyContext& context, const CreateSessionTxn& txn) {
  context.state.open_session(context.header.client_id, txn.timeout_ms);
  if (context.outcome != nullptr) context.outcome->timeout_ms = txn.timeout_ms;
}

/// A session may be closed by its client and by expiry at once; the second finds nothing to do.
Result<TxnRecord> prepare_close(const Draft& draft, JuteReader&) {
  return TxnRecord(CloseSessionTxn{draft.view.ephemerals_of(draft.caller.session)});
}

void apply_close(const ApplyContext& context, const CloseSessionTxn& txn) {
  if (txn.paths) {
    for (const std::string& path : *txn.paths) remove_node(context, path);
  }
  // Leaders before 3.6 list nothing.
  for (const std::string& path : context.state.ephemerals_of(context.header.client_id)) {
    remove_node(context, path);
  }
  context.state.close_session(context.header.client_id);
}

void apply_error(const ApplyContext& context, const ErrorTxn& txn) {
  if (context.outcome != nullptr) context.outcome->error = txn.err;
}

}  // namespace

constinit const OpSpec kCreateSession = write_op<CreateSessionTxn, apply_open>(
    {OpCode::CreateSession, "createSession", OpKind::Unknown},
    prepare_with<CreateSessionTxn, CreateSessionTxn, prepare_open>);
constinit const OpSpec kCloseSession = write_op<CloseSessionTxn, apply_close>(
    {OpCode::CloseSession, "closeSession", OpKind::Write}, prepare_close);
constinit const OpSpec kErrorTxn =
    write_op<ErrorTxn, apply_error>({OpCode::Error, "error", OpKind::Unknown});

}  // namespace quorate::znode
