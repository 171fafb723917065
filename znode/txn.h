// A txn in parts: what the log and PROPOSAL carry, decoded as a whole before anything is changed.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "znode/proto/records.h"

namespace quorate::znode {

/// The record of one change. Which txn type carries which: its row in ops/table.cc.
using TxnRecord =
    std::variant<CreateTxn, CreateContainerTxn, CreateTtlTxn, DeleteTxn, SetDataTxn, SetAclTxn,
                 CheckVersionTxn, CreateSessionTxn, CloseSessionTxn, ErrorTxn>;

struct Change {
  OpCode type = OpCode::Error;
  TxnRecord record = ErrorTxn{};
};

struct Txn {
  TxnHeader header;
  /// One change; those of a multi in order. A multi with an Error among them changes nothing.
  std::vector<Change> changes;
  std::optional<TxnDigest> digest;
};

/// Error: MarshallingError when cut short, Unimplemented for a type we do not know.
Result<Txn> decode_txn(ByteView bytes);

/// The bytes that decode_txn() reads.
Bytes encode_txn(const Txn& txn);

// ---- Nearly every txn is a single change, which can do without a list
// ---------------------------

/// ENSURE: no multi.
Bytes encode_single(const TxnHeader& header, const TxnRecord& record,
                    const std::optional<TxnDigest>& digest);
/// What follows a header: one change of its type, which is no multi.
Result<TxnRecord> decode_record(OpCode type, JuteReader& in);
/// What may follow the changes.
Result<std::optional<TxnDigest>> decode_digest(JuteReader& in);

bool has_failed(const std::vector<Change>& multi);

}  // namespace quorate::znode
