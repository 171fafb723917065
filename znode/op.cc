#include "znode/op.h"

#include "base/ensure.h"
#include "znode/acl.h"
#include "znode/acl_table.h"
#include "znode/apply_change.h"
#include "znode/ops/table.h"
#include "znode/tree_impl.h"

namespace quorate::znode {
namespace {

/// What an outcome needs for its reply even if a fuzzy replay found nothing to do.
void complete(Outcome& outcome) {
  if (!outcome.stat) outcome.stat = Stat{};
}

Outcome outcome_of(const TxnHeader& header, OpCode type) {
  Outcome outcome;
  outcome.header = header;
  outcome.header.type = type;
  return outcome;
}

Outcome apply_single(TreeState& state, const TxnHeader& header, const TxnRecord& record,
                     ReplayMode mode) {
  Outcome outcome = outcome_of(header, header.type);
  apply_change({state, header, mode, &outcome}, header.type, record);
  complete(outcome);
  return outcome;
}

/// All changes carry the header of the whole, so also its zxid and time (ZOOKEEPER-3127).
Outcome apply_multi(TreeState& state, const Txn& txn, ReplayMode mode) {
  Outcome whole = outcome_of(txn.header, OpCode::Multi);
  for (const Change& change : txn.changes) {
    Outcome part = outcome_of(txn.header, change.type);
    apply_change({state, txn.header, mode, &part}, change.type, change.record);
    complete(part);
    std::move(part.fires.begin(), part.fires.end(), std::back_inserter(whole.fires));
    part.fires.clear();
    whole.parts.push_back(std::move(part));
  }
  return whole;
}

/// Every part of a failed multi is answered as an error: 0 before the one that failed, its own
/// code, RuntimeInconsistency behind it (which the txn holds already).
Outcome refuse_multi(const Txn& txn) {
  Outcome whole = outcome_of(txn.header, OpCode::Multi);
  for (const Change& change : txn.changes) {
    Outcome part = outcome_of(txn.header, OpCode::Error);
    if (const auto* error = std::get_if<ErrorTxn>(&change.record)) part.error = error->err;
    whole.parts.push_back(std::move(part));
  }
  return whole;
}

void settle(DataTree::Impl& state, Outcome& outcome, const std::optional<TxnDigest>& digest,
            ReplayMode mode) {
  state.last_applied = outcome.header.zxid;
  const bool comparable = mode == ReplayMode::Exact && digest && digest->version == kDigestVersion;
  outcome.digest_mismatch = comparable && digest->tree_digest != state.digest();
}

Result<Outcome> apply_multi_txn(DataTree::Impl& state, ByteView bytes, ReplayMode mode) {
  Result<Txn> txn = decode_txn(bytes);
  if (!txn) return txn.error();
  ENSURE(txn->header.zxid > state.last_applied);
  Outcome outcome = has_failed(txn->changes) ? refuse_multi(*txn) : apply_multi(state, *txn, mode);
  settle(state, outcome, txn->digest, mode);
  return outcome;
}

}  // namespace

void apply_change(const ApplyContext& context, OpCode type, const TxnRecord& record) {
  const OpSpec* spec = find_spec(type);
  ENSURE(spec != nullptr);
  ENSURE(spec->apply != nullptr);
  spec->apply(context, record);
}

Result<Outcome> apply(DataTree& tree, ByteView bytes, ReplayMode mode) {
  DataTree::Impl& state = tree.impl();
  JuteReader in(bytes);
  TxnHeader header;
  decode(in, header);
  if (ErrorCode fault = in.finish()) return fault;
  if (header.type == OpCode::Multi) return apply_multi_txn(state, bytes, mode);
  // All of it, before anything is changed.
  Result<TxnRecord> record = decode_record(header.type, in);
  if (!record) return record.error();
  Result<std::optional<TxnDigest>> digest = decode_digest(in);
  if (!digest) return digest.error();
  ENSURE(header.zxid > state.last_applied);
  Outcome outcome = apply_single(state, header, *record, mode);
  settle(state, outcome, *digest, mode);
  return outcome;
}

Result<TxnHeader> peek_header(ByteView txn) {
  JuteReader in(txn);
  TxnHeader header;
  decode(in, header);
  if (ErrorCode fault = in.finish()) return fault;
  return header;
}

Code reply_code(const Outcome& outcome) {
  return outcome.error;
}

void encode_response(JuteWriter& out, const Outcome& outcome) {
  const OpSpec* spec = find_spec(outcome.header.type);
  if (spec != nullptr && spec->reply != nullptr) spec->reply(out, outcome);
}

Code read(const ReadContext& context, OpCode op, ByteView body, JuteWriter& out) {
  const OpSpec* spec = find_spec(op);
  if (spec == nullptr || spec->read == nullptr) return Code::Unimplemented;
  JuteReader in(body);
  const std::size_t start = out.out().size();
  const Code code = spec->read(context, in, out);
  if (code != Code::Ok && op != OpCode::MultiRead) out.out().resize(start);
  return code;
}

const AclList* event_acl(const DataTree& tree, const Fire& fire) {
  const AclList* list = fire.deleted_acl.get();
  if (list == nullptr) {
    const Node* node = tree.find(fire.path);
    if (node == nullptr) return nullptr;
    list = &tree.acls().list(node->acl());
  }
  return permits(*list, {}, perm::kRead) ? nullptr : list;
}

bool may_see_event(const DataTree& tree, const Caller& caller, const Fire& fire) {
  const AclList* list = event_acl(tree, fire);
  return list == nullptr || permits(*list, caller.identities, perm::kRead);
}

}  // namespace quorate::znode
