#include "znode/txn.h"

#include <algorithm>

#include "znode/ops/table.h"
#include "znode/path.h"

namespace quorate::znode {
namespace {

/// Whether a node may come into being or vanish at `path`. The rest of a path's rules are the
/// leader's business; this much the tree itself relies on.
bool names_a_node(const std::string& path) {
  return path.starts_with('/') && !last_name(path).empty();
}

struct PathsFit {
  bool operator()(const CreateTxn& txn) const { return names_a_node(txn.path); }
  bool operator()(const CreateContainerTxn& txn) const { return names_a_node(txn.path); }
  bool operator()(const CreateTtlTxn& txn) const { return names_a_node(txn.path); }
  bool operator()(const DeleteTxn& txn) const { return names_a_node(txn.path); }
  bool operator()(const CloseSessionTxn& txn) const {
    return !txn.paths || std::all_of(txn.paths->begin(), txn.paths->end(), names_a_node);
  }
  bool operator()(const auto&) const { return true; }
};

Result<Change> decode_change(OpCode type, JuteReader& in) {
  const OpSpec* spec = find_spec(type);
  if (spec == nullptr || spec->decode == nullptr) return Code::Unimplemented;
  Change change{type, spec->decode(in)};
  if (ErrorCode fault = in.finish()) return fault;
  if (!std::visit(PathsFit{}, change.record)) return Code::MarshallingError;
  return change;
}

/// A multi inside a multi has no decoder of its own and is refused with the unknown types.
ErrorCode decode_multi(JuteReader& in, std::vector<Change>& changes) {
  MultiTxn multi;
  decode(in, multi);
  if (ErrorCode fault = in.finish()) return fault;
  changes.reserve(multi.txns.size());
  for (const SubTxn& sub : multi.txns) {
    JuteReader part{ByteView(sub.record)};
    Result<Change> change = decode_change(sub.type, part);
    if (!change) return change.error();
    changes.push_back(std::move(*change));
  }
  return {};
}

void encode_record(JuteWriter& out, const TxnRecord& record) {
  std::visit([&out](const auto& alternative) { encode(out, alternative); }, record);
}

void encode_multi(JuteWriter& out, const std::vector<Change>& changes) {
  out.i32(static_cast<std::int32_t>(changes.size()));
  for (const Change& change : changes) {
    out.i32(static_cast<std::int32_t>(change.type));
    const std::size_t mark = out.begin_length();
    encode_record(out, change.record);
    out.end_length(mark);
  }
}

}  // namespace

Result<Txn> decode_txn(ByteView bytes) {
  JuteReader in(bytes);
  Txn txn;
  decode(in, txn.header);
  if (ErrorCode fault = in.finish()) return fault;
  if (txn.header.type == OpCode::Multi) {
    if (ErrorCode fault = decode_multi(in, txn.changes)) return fault;
  } else {
    Result<Change> change = decode_change(txn.header.type, in);
    if (!change) return change.error();
    txn.changes.push_back(std::move(*change));
  }
  if (in.remaining() > 0) {
    TxnDigest digest;
    decode(in, digest);
    if (ErrorCode fault = in.finish()) return fault;
    txn.digest = digest;
  }
  return txn;
}

Bytes encode_txn(const Txn& txn) {
  Bytes bytes;
  JuteWriter out(bytes);
  encode(out, txn.header);
  if (txn.header.type == OpCode::Multi) {
    encode_multi(out, txn.changes);
  } else {
    encode_record(out, txn.changes.front().record);
  }
  if (txn.digest) encode(out, *txn.digest);
  return bytes;
}

bool has_failed(const std::vector<Change>& multi) {
  return std::any_of(multi.begin(), multi.end(),
                     [](const Change& change) { return change.type == OpCode::Error; });
}

}  // namespace quorate::znode
