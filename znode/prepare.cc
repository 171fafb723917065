// prepare(): from a request to the txn that every server applies. Leader only.
#include <algorithm>

#include "base/ensure.h"
#include "znode/apply_change.h"
#include "znode/pending_impl.h"

namespace quorate::znode {
namespace {

using ChangesOrError = Result<std::vector<Change>>;

Result<TxnRecord> prepare_record(PendingView& pending, const OpOptions& options,
                                 const Caller& caller, OpCode op, ByteView body) {
  const OpSpec* spec = find_spec(op);
  if (spec == nullptr || spec->prepare == nullptr) return Code::Unimplemented;
  const Draft draft{pending.impl(), pending, options, caller, op};
  JuteReader in(body);
  return spec->prepare(draft, in);
}

void stage(PendingView& pending, const TxnHeader& header, OpCode type, const TxnRecord& record) {
  apply_change({pending.impl(), header, ReplayMode::Exact, nullptr}, type, record);
}

TxnDigest digest_of(PendingView& pending) {
  return {kDigestVersion, pending.impl().digest()};
}

/// The log keeps what succeeded before the failure; nothing of it is applied.
void mark_failed(std::vector<Change>& changes, std::size_t parts, Code error) {
  changes.push_back({OpCode::Error, ErrorTxn{error}});
  changes.resize(parts, {OpCode::Error, ErrorTxn{Code::RuntimeInconsistency}});
}

/// Each part sees what the parts before it will have done; the first failure takes all of it back.
ChangesOrError prepare_multi(PendingView& pending, const OpOptions& options, const Caller& caller,
                             const TxnHeader& header, ByteView body) {
  Result<std::vector<SubRequest>> requests = split_multi(body);
  if (!requests) return requests.error();
  std::vector<Change> changes;
  pending.impl().remember();
  for (const SubRequest& request : *requests) {
    Result<TxnRecord> record = prepare_record(pending, options, caller, request.op, request.body);
    if (!record) {
      pending.impl().undo();
      mark_failed(changes, requests->size(), to_code(record.error()));
      return changes;
    }
    stage(pending, header, request.op, *record);
    changes.push_back({request.op, std::move(*record)});
  }
  pending.impl().keep();
  return changes;
}

TxnHeader header_of(const WriteRequest& request, Zxid zxid, std::int64_t time_ms) {
  return {request.session, request.cxid, zxid, time_ms, request.op};
}

/// Create and create2 alone: so ZooKeeper looks for it.
bool owned_create(OpCode op, ByteView body) {
  if (op != OpCode::Create && op != OpCode::Create2) return false;
  Result<CreateRequest> request = decode_all<CreateRequest>(body);
  return request && is_ephemeral(static_cast<CreateMode>(request->flags));
}

}  // namespace

bool creates_ephemeral(OpCode op, ByteView body) {
  if (op != OpCode::Multi) return owned_create(op, body);
  const Result<std::vector<SubRequest>> parts = split_multi(body);
  return parts && std::any_of(parts->begin(), parts->end(), [](const SubRequest& part) {
           return owned_create(part.op, part.body);
         });
}

Bytes prepare(PendingView& pending, const OpOptions& options, const Caller& caller,
              const WriteRequest& request, Zxid zxid, std::int64_t time_ms) {
  ENSURE(caller.session == request.session);
  pending.impl().begin(zxid);
  const TxnHeader header = header_of(request, zxid, time_ms);
  if (request.op == OpCode::Multi) {
    ChangesOrError changes = prepare_multi(pending, options, caller, header, request.body);
    if (!changes) return prepare_error(request, zxid, time_ms, to_code(changes.error()));
    return encode_txn({header, std::move(*changes), digest_of(pending)});
  }
  const bool client_may_not = request.op == OpCode::Check || request.op == OpCode::Error;
  Result<TxnRecord> record =
      client_may_not ? Result<TxnRecord>(Code::Unimplemented)
                     : prepare_record(pending, options, caller, request.op, request.body);
  if (!record) return prepare_error(request, zxid, time_ms, to_code(record.error()));
  stage(pending, header, request.op, *record);
  return encode_single(header, *record, digest_of(pending));
}

Bytes prepare_error(const WriteRequest& request, Zxid zxid, std::int64_t time_ms, Code error) {
  TxnHeader header = header_of(request, zxid, time_ms);
  header.type = OpCode::Error;
  return encode_single(header, ErrorTxn{error}, std::nullopt);
}

}  // namespace quorate::znode
