// The frame of an operation: its row, and what its functions get to see.
#pragma once

#include "znode/op.h"
#include "znode/tree_state.h"
#include "znode/txn.h"

namespace quorate::znode {

/// What prepare() of one operation works with. It reads; the change is made by its apply().
struct Draft {
  const TreeState& view;
  const PendingView& pending;
  const OpOptions& options;
  const Caller& caller;
  OpCode op;

  /// In the ensemble, or at the server that asks for it.
  bool session_alive() const;
  bool may(std::int32_t perm, const NodeState& node) const;
  /// QuotaExceeded when so many nodes and bytes more at `path` go beyond a hard limit.
  ErrorCode check_quota(std::string_view path, std::int64_t nodes, std::int64_t bytes) const;
};

/// What apply() of one operation works with. The same function serves the tree and the leader's
/// pending view; the latter wants no outcome.
struct ApplyContext {
  TreeState& state;
  const TxnHeader& header;
  ReplayMode mode;
  Outcome* outcome;

  /// Records a watch event, unless nobody wants it.
  void fire(EventType type, std::string_view path) const;
};

/// One row. A request without prepare, read and decode is one that a client may not send.
struct OpSpec {
  OpInfo info;
  Result<TxnRecord> (*prepare)(const Draft& draft, JuteReader& body) = nullptr;
  /// Decodes the txn record of this type; nullptr when there is no such txn.
  TxnRecord (*decode)(JuteReader& in) = nullptr;
  void (*apply)(const ApplyContext& context, const TxnRecord& record) = nullptr;
  /// Writes the body of the reply to `outcome`; nullptr: the header alone.
  void (*reply)(JuteWriter& out, const Outcome& outcome) = nullptr;
  Code (*read)(const ReadContext& context, JuteReader& body, JuteWriter& out) = nullptr;
};

/// nullptr for a number that is no operation.
const OpSpec* find_spec(OpCode code);

/// Decodes the record, then prepares: a record cut short is answered before anything is checked.
/// Prepare may take from the request what goes into the txn.
template <class Request, class Txn, Result<Txn> (*Prepare)(const Draft&, Request&)>
Result<TxnRecord> prepare_with(const Draft& draft, JuteReader& body) {
  Request request;
  decode(body, request);
  if (ErrorCode fault = body.finish()) return fault;
  Result<Txn> txn = Prepare(draft, request);
  if (!txn) return txn.error();
  return TxnRecord(std::move(*txn));
}

template <class Record>
TxnRecord decode_as(JuteReader& in) {
  TxnRecord record{std::in_place_type<Record>};
  decode(in, std::get<Record>(record));
  return record;
}

template <class Record, void (*Apply)(const ApplyContext&, const Record&)>
void apply_with(const ApplyContext& context, const TxnRecord& record) {
  Apply(context, std::get<Record>(record));
}

template <class Request, Code (*Read)(const ReadContext&, const Request&, JuteWriter&)>
Code read_with(const ReadContext& context, JuteReader& body, JuteWriter& out) {
  Request request;
  decode(body, request);
  if (body.finish()) return Code::MarshallingError;
  return Read(context, request, out);
}

/// A row of a txn type: how it is prepared from its request (nullptr: never from a client), applied
/// and answered.
template <class Record, void (*Apply)(const ApplyContext&, const Record&)>
constexpr OpSpec write_op(OpInfo info,
                          Result<TxnRecord> (*prepare)(const Draft&, JuteReader&) = nullptr,
                          void (*reply)(JuteWriter&, const Outcome&) = nullptr) {
  return {info, prepare, decode_as<Record>, apply_with<Record, Apply>, reply, nullptr};
}

template <class Request, Code (*Read)(const ReadContext&, const Request&, JuteWriter&)>
constexpr OpSpec read_op(OpInfo info) {
  return {info, nullptr, nullptr, nullptr, nullptr, read_with<Request, Read>};
}

// Bodies that several operations share.
void reply_path(JuteWriter& out, const Outcome& outcome);
void reply_stat(JuteWriter& out, const Outcome& outcome);
void reply_path_and_stat(JuteWriter& out, const Outcome& outcome);

/// READ on `node` for who asks, by the rules of `context`.
bool may_read(const ReadContext& context, const Node& node);

// ---- The rows, by file
// ---------------------------------------------------------------------------

extern const OpSpec kCreate, kCreate2, kCreateContainer, kCreateTtl;     // create.cc
extern const OpSpec kDelete, kDeleteContainer;                           // delete.cc
extern const OpSpec kSetData;                                            // set_data.cc
extern const OpSpec kReconfig;                                           // reconfig.cc
extern const OpSpec kSetAcl;                                             // set_acl.cc
extern const OpSpec kCheck;                                              // check_version.cc
extern const OpSpec kMulti;                                              // multi.cc
extern const OpSpec kCreateSession, kCloseSession, kErrorTxn;            // session.cc
extern const OpSpec kExists;                                             // exists.cc
extern const OpSpec kGetData;                                            // get_data.cc
extern const OpSpec kGetAcl;                                             // get_acl.cc
extern const OpSpec kGetChildren, kGetChildren2, kGetAllChildrenNumber;  // get_children.cc
extern const OpSpec kGetEphemerals;                                      // ephemerals.cc
extern const OpSpec kAddWatch, kCheckWatches, kRemoveWatches;            // watches.cc
extern const OpSpec kMultiRead;                                          // multi_read.cc
extern const OpSpec kWhoAmI;                                             // who_am_i.cc

/// One more than `current` if `given` matches it or is -1; otherwise BadVersion. Wraps.
Result<std::int32_t> next_version(std::int32_t current, std::int32_t given);

// ---- Steps that several operations share (ops/delete.cc)
// -----------------------------------------

/// Deletes the node at `path` with all that comes with it: parent's pzxid, events. In
/// ReplayMode::Fuzzy whatever is below goes too. False when there was no such node.
bool remove_node(const ApplyContext& context, const std::string& path);

// ---- multi (ops/multi.cc)
// --------------------------------------------------------------------------

struct SubRequest {
  OpCode op;
  ByteView body;
};

/// The sub-requests of a multi. Error: MarshallingError for anything that makes the whole request
/// void (spec: client-protocol 7).
Result<std::vector<SubRequest>> split_multi(ByteView body);

/// Moves behind one write among the parts, which has no length of its own. False makes the whole
/// request void.
bool skip_sub_write(OpCode op, JuteReader& in);

void reply_multi(JuteWriter& out, const Outcome& outcome);

}  // namespace quorate::znode
