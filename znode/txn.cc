#include "znode/txn.h"

#include <algorithm>

#include "base/ensure.h"
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

/// Beside paths and data, about; so that the buffer of most txns need not grow.
constexpr std::size_t kTxnBytes = 128;

std::size_t size_of(const Buffer& data) {
  return data ? data->size() : 0;
}

struct VariableBytes {
  std::size_t operator()(const CreateTxn& txn) const { return created(txn); }
  std::size_t operator()(const CreateContainerTxn& txn) const { return created(txn); }
  std::size_t operator()(const CreateTtlTxn& txn) const { return created(txn); }
  std::size_t operator()(const DeleteTxn& txn) const { return txn.path.size(); }
  std::size_t operator()(const SetDataTxn& txn) const {
    return txn.path.size() + size_of(txn.data);
  }
  std::size_t operator()(const auto&) const { return 0; }

 private:
  static std::size_t created(const auto& txn) { return txn.path.size() + size_of(txn.data); }
};

/// A multi inside a multi has no decoder of its own and is refused with the unknown types.
ErrorCode decode_multi(JuteReader& in, std::vector<Change>& changes) {
  MultiTxn multi;
  decode(in, multi);
  if (ErrorCode fault = in.finish()) return fault;
  changes.reserve(multi.txns.size());
  for (const SubTxn& sub : multi.txns) {
    JuteReader part{ByteView(sub.record)};
    Result<TxnRecord> record = decode_record(sub.type, part);
    if (!record) return record.error();
    changes.push_back({sub.type, std::move(*record)});
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

Result<TxnRecord> decode_record(OpCode type, JuteReader& in) {
  const OpSpec* spec = find_spec(type);
  if (spec == nullptr || spec->decode == nullptr) return Code::Unimplemented;
  Result<TxnRecord> record = spec->decode(in);
  if (ErrorCode fault = in.finish()) return fault;
  if (!std::visit(PathsFit{}, *record)) return Code::MarshallingError;
  return record;
}

Result<std::optional<TxnDigest>> decode_digest(JuteReader& in) {
  if (in.remaining() == 0) return std::optional<TxnDigest>();
  TxnDigest digest;
  decode(in, digest);
  if (ErrorCode fault = in.finish()) return fault;
  return std::optional(digest);
}

Result<Txn> decode_txn(ByteView bytes) {
  JuteReader in(bytes);
  Txn txn;
  decode(in, txn.header);
  if (ErrorCode fault = in.finish()) return fault;
  if (txn.header.type == OpCode::Multi) {
    if (ErrorCode fault = decode_multi(in, txn.changes)) return fault;
  } else {
    Result<TxnRecord> record = decode_record(txn.header.type, in);
    if (!record) return record.error();
    txn.changes.push_back({txn.header.type, std::move(*record)});
  }
  Result<std::optional<TxnDigest>> digest = decode_digest(in);
  if (!digest) return digest.error();
  txn.digest = *digest;
  return txn;
}

Bytes encode_txn(const Txn& txn) {
  if (txn.header.type != OpCode::Multi) {
    return encode_single(txn.header, txn.changes.front().record, txn.digest);
  }
  Bytes bytes;
  JuteWriter out(bytes);
  encode(out, txn.header);
  encode_multi(out, txn.changes);
  if (txn.digest) encode(out, *txn.digest);
  return bytes;
}

Bytes encode_single(const TxnHeader& header, const TxnRecord& record,
                    const std::optional<TxnDigest>& digest) {
  ENSURE(header.type != OpCode::Multi);
  Bytes bytes;
  bytes.reserve(kTxnBytes + std::visit(VariableBytes{}, record));
  JuteWriter out(bytes);
  encode(out, header);
  encode_record(out, record);
  if (digest) encode(out, *digest);
  return bytes;
}

bool has_failed(const std::vector<Change>& multi) {
  return std::any_of(multi.begin(), multi.end(),
                     [](const Change& change) { return change.type == OpCode::Error; });
}

}  // namespace quorate::znode
