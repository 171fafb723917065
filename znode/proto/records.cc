#include "znode/proto/records.h"

#include "base/ensure.h"

namespace quorate {
namespace {

// One body serves both directions: a coder has the same call for each kind of field, which reads
// into the field or writes it out. So the order of fields stands in one place per record.
std::int32_t number_of(std::int32_t value) {
  return value;
}
std::int64_t number_of(std::int64_t value) {
  return value;
}
std::int64_t number_of(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}
std::int64_t number_of(Zxid value) {
  return value.value;
}
std::int64_t number_of(SessionId value) {
  return value.value;
}
std::int32_t number_of(OpCode value) {
  return static_cast<std::int32_t>(value);
}
std::int32_t number_of(Code value) {
  return static_cast<std::int32_t>(value);
}

struct Encoder {
  JuteWriter& out;
  /// Numbers that stand side by side: in what every write sends, one step instead of many.
  template <class... T>
  void all(const T&... values) {
    out.numbers(number_of(values)...);
  }
  void operator()(bool value) { out.boolean(value); }
  void operator()(std::int32_t value) { out.i32(value); }
  void operator()(std::int64_t value) { out.i64(value); }
  void operator()(std::uint64_t value) { out.i64(static_cast<std::int64_t>(value)); }
  void operator()(Zxid value) { out.i64(value.value); }
  void operator()(SessionId value) { out.i64(value.value); }
  void operator()(OpCode value) { out.i32(static_cast<std::int32_t>(value)); }
  void operator()(Code value) { out.i32(static_cast<std::int32_t>(value)); }
  void operator()(EventType value) { out.i32(static_cast<std::int32_t>(value)); }
  void operator()(KeeperState value) { out.i32(static_cast<std::int32_t>(value)); }
  void operator()(const std::string& value) { out.string(value); }
  void path(const std::string& value) { out.string(value); }
  void operator()(const Buffer& value) { out.buffer(value); }
  void operator()(const AclList& value) { out.acls(value); }
  void operator()(const Stat& value) { out.stat(value); }
  void operator()(const std::vector<std::string>& value) { out.strings(value); }
};

struct Decoder {
  JuteReader& in;
  template <class... T>
  void all(T&... values) {
    ((*this)(values), ...);
  }
  void operator()(bool& value) { value = in.boolean(); }
  void operator()(std::int32_t& value) { value = in.i32(); }
  void operator()(std::int64_t& value) { value = in.i64(); }
  void operator()(std::uint64_t& value) { value = static_cast<std::uint64_t>(in.i64()); }
  void operator()(Zxid& value) { value.value = in.i64(); }
  void operator()(SessionId& value) { value.value = in.i64(); }
  void operator()(OpCode& value) { value = static_cast<OpCode>(in.i32()); }
  void operator()(Code& value) { value = static_cast<Code>(in.i32()); }
  void operator()(EventType& value) { value = static_cast<EventType>(in.i32()); }
  void operator()(KeeperState& value) { value = static_cast<KeeperState>(in.i32()); }
  void operator()(std::string& value) { value = in.string(); }
  void path(std::string& value) { value = in.path(); }
  void operator()(Buffer& value) { value = in.buffer(); }
  void operator()(AclList& value) { value = in.acls(); }
  void operator()(Stat& value) { value = in.stat(); }
  void operator()(std::vector<std::string>& value) { value = in.strings(); }
};

// clang-format off
#define QUORATE_FIELDS(R, ...)                                              \
  template <class Coder, class Record>                                      \
  void code_fields_##R(Coder& field, Record& r) { __VA_ARGS__ }

QUORATE_FIELDS(RequestHeader, field(r.xid); field(r.type);)
QUORATE_FIELDS(ReplyHeader, field.all(r.xid, r.zxid, r.err);)

QUORATE_FIELDS(CreateRequest, field.path(r.path); field(r.data); field(r.acl); field(r.flags);)
QUORATE_FIELDS(CreateTtlRequest,
    field.path(r.path); field(r.data); field(r.acl); field(r.flags); field(r.ttl_ms);)
QUORATE_FIELDS(DeleteRequest, field.path(r.path); field(r.version);)
QUORATE_FIELDS(PathWatchRequest, field.path(r.path); field(r.watch);)
QUORATE_FIELDS(SetDataRequest, field.path(r.path); field(r.data); field(r.version);)
QUORATE_FIELDS(PathRequest, field.path(r.path);)
QUORATE_FIELDS(SetAclRequest, field.path(r.path); field(r.acl); field(r.version);)
QUORATE_FIELDS(CheckVersionRequest, field.path(r.path); field(r.version);)
QUORATE_FIELDS(AuthPacket, field(r.type); field(r.scheme); field(r.auth);)
QUORATE_FIELDS(SetWatchesRequest,
    field(r.relative_zxid); field(r.data_watches); field(r.exist_watches); field(r.child_watches);)
QUORATE_FIELDS(SetWatches2Request,
    code_fields_SetWatchesRequest(field, r.base);
    field(r.persistent_watches); field(r.persistent_recursive_watches);)

QUORATE_FIELDS(CreateResponse, field(r.path);)
QUORATE_FIELDS(Create2Response, field(r.path); field(r.stat);)
QUORATE_FIELDS(StatResponse, field(r.stat);)
QUORATE_FIELDS(GetDataResponse, field(r.data); field(r.stat);)
QUORATE_FIELDS(GetChildrenResponse, field(r.children);)
QUORATE_FIELDS(GetChildren2Response, field(r.children); field(r.stat);)
QUORATE_FIELDS(GetAclResponse, field(r.acl); field(r.stat);)
QUORATE_FIELDS(WatcherEvent, field(r.type); field(r.state); field(r.path);)
QUORATE_FIELDS(MultiHeader, field(r.type); field(r.done); field(r.err);)

QUORATE_FIELDS(TxnHeader,
    field.all(r.client_id, r.cxid, r.zxid, r.time_ms, r.type);)
QUORATE_FIELDS(CreateTxn,
    field(r.path); field(r.data); field(r.acl); field(r.ephemeral); field(r.parent_cversion);)
QUORATE_FIELDS(CreateContainerTxn,
    field(r.path); field(r.data); field(r.acl); field(r.parent_cversion);)
QUORATE_FIELDS(CreateTtlTxn,
    field(r.path); field(r.data); field(r.acl); field(r.parent_cversion); field(r.ttl_ms);)
QUORATE_FIELDS(DeleteTxn, field(r.path);)
QUORATE_FIELDS(SetDataTxn, field(r.path); field(r.data); field(r.version);)
QUORATE_FIELDS(SetAclTxn, field(r.path); field(r.acl); field(r.version);)
QUORATE_FIELDS(CheckVersionTxn, field(r.path); field(r.version);)
QUORATE_FIELDS(CreateSessionTxn, field(r.timeout_ms);)
QUORATE_FIELDS(ErrorTxn, field(r.err);)
QUORATE_FIELDS(TxnDigest, field.all(r.version, r.tree_digest);)
// clang-format on

}  // namespace

#define QUORATE_DEFINE_CODEC(R)                   \
  void encode(JuteWriter& out, const R& record) { \
    Encoder field{out};                           \
    code_fields_##R(field, record);               \
  }                                               \
  void decode(JuteReader& in, R& record) {        \
    Decoder field{in};                            \
    code_fields_##R(field, record);               \
  }

// clang-format off
#define QUORATE_PLAIN_RECORDS(X) \
  X(RequestHeader) X(ReplyHeader) X(CreateRequest) X(CreateTtlRequest) X(DeleteRequest) \
  X(PathWatchRequest) X(SetDataRequest) X(PathRequest) X(SetAclRequest) X(CheckVersionRequest) \
  X(AuthPacket) X(SetWatchesRequest) X(SetWatches2Request) X(CreateResponse) X(Create2Response) \
  X(StatResponse) X(GetDataResponse) X(GetChildrenResponse) X(GetChildren2Response) \
  X(GetAclResponse) X(WatcherEvent) X(MultiHeader) X(TxnHeader) X(CreateContainerTxn) \
  X(CreateTtlTxn) X(DeleteTxn) X(SetDataTxn) X(SetAclTxn) X(CheckVersionTxn) X(CreateSessionTxn) \
  X(ErrorTxn) X(TxnDigest)
// clang-format on

QUORATE_PLAIN_RECORDS(QUORATE_DEFINE_CODEC)

// ---- Records whose presence of fields depends on the other end's age ---------------------------

namespace {

template <class Record>
void encode_handshake_tail(JuteWriter& out, const Record& record) {
  out.i64(record.session_id.value);
  out.buffer(record.password);
  if (record.read_only) out.boolean(*record.read_only);
}

template <class Record>
void decode_handshake_tail(JuteReader& in, Record& record) {
  record.session_id.value = in.i64();
  record.password = in.buffer();
  record.read_only.reset();
  if (in.ok() && in.remaining() > 0) record.read_only = in.boolean();
}

}  // namespace

void encode(JuteWriter& out, const ConnectRequest& record) {
  out.i32(record.protocol_version);
  out.i64(record.last_zxid_seen.value);
  out.i32(record.timeout_ms);
  encode_handshake_tail(out, record);
}

void decode(JuteReader& in, ConnectRequest& record) {
  record.protocol_version = in.i32();
  record.last_zxid_seen.value = in.i64();
  record.timeout_ms = in.i32();
  decode_handshake_tail(in, record);
}

void encode(JuteWriter& out, const ConnectResponse& record) {
  out.i32(record.protocol_version);
  out.i32(record.timeout_ms);
  encode_handshake_tail(out, record);
}

void decode(JuteReader& in, ConnectResponse& record) {
  record.protocol_version = in.i32();
  record.timeout_ms = in.i32();
  decode_handshake_tail(in, record);
}

void encode(JuteWriter& out, const CreateTxn& record) {
  Encoder field{out};
  code_fields_CreateTxn(field, record);
}

void decode(JuteReader& in, CreateTxn& record) {
  record.path = in.string();
  record.data = in.buffer();
  record.acl = in.acls();
  record.ephemeral = in.boolean();
  // Before 3.4 the record ended here. Such logs carry no digest behind it either.
  record.parent_cversion = in.ok() && in.remaining() == 0 ? -1 : in.i32();
}

void encode(JuteWriter& out, const MultiTxn& record) {
  out.i32(static_cast<std::int32_t>(record.txns.size()));
  for (const SubTxn& sub : record.txns) {
    out.i32(static_cast<std::int32_t>(sub.type));
    out.buffer(ByteView(sub.record));
  }
}

void decode(JuteReader& in, MultiTxn& record) {
  record.txns.resize(in.count(/*min_element_bytes=*/8));
  for (SubTxn& sub : record.txns) {
    sub.type = static_cast<OpCode>(in.i32());
    ByteView view = in.buffer_view();
    sub.record.assign(view.begin(), view.end());
  }
}

void encode(JuteWriter& out, const CloseSessionTxn& record) {
  if (record.paths) out.strings(*record.paths);
}

void decode(JuteReader& in, CloseSessionTxn& record) {
  record.paths.reset();
  if (in.remaining() == 0) return;
  // A leader with closeSessionTxn.enabled=false writes no record but its digest trailer. Read as a
  // list, those 12 bytes would be two empty paths, which do not occur: so the forms cannot be mixed
  // up.
  constexpr std::size_t kTrailerBytes = 12;
  if (in.remaining() == kTrailerBytes && load_be<std::int32_t>(in.rest().data()) == 2) return;
  record.paths = in.strings();
  for (const std::string& path : *record.paths) {
    if (path.empty()) in.refuse();
  }
}

}  // namespace quorate
