// Every request, response and txn record: one struct each, fields in wire order.
//
// Conventions: `encode(JuteWriter&, const X&)` appends the record; `decode(JuteReader&, X&)` reads
// it and leaves faults in the reader (check finish() once). Responses of plain operations come
// after a ReplyHeader whose err is 0.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "znode/proto/error.h"
#include "znode/proto/jute.h"
#include "znode/proto/op_code.h"
#include "znode/proto/types.h"

namespace quorate {

// ---- Handshake -----------------------------------------------------------------------------

using Password = std::string;  ///< kPasswordSize bytes on answers; anything on requests.

struct ConnectRequest {
  std::int32_t protocol_version = 0;
  Zxid last_zxid_seen;
  std::int32_t timeout_ms = 0;
  SessionId session_id;
  Buffer password;
  /// Absent in the 44-byte form that old clients send; the answer mirrors its presence.
  std::optional<bool> read_only;
};

struct ConnectResponse {
  std::int32_t protocol_version = 0;
  std::int32_t timeout_ms = 0;  ///< 0: session refused or expired.
  SessionId session_id;
  Buffer password;
  std::optional<bool> read_only;
};

struct RequestHeader {
  std::int32_t xid = 0;
  OpCode type = OpCode::Notification;
};

struct ReplyHeader {
  std::int32_t xid = 0;
  Zxid zxid;
  Code err = Code::Ok;
};

// ---- Requests ------------------------------------------------------------------------------

struct CreateRequest {  // create, create2, createContainer
  std::string path;
  Buffer data;
  AclList acl;
  std::int32_t flags = 0;
};

struct CreateTtlRequest {
  std::string path;
  Buffer data;
  AclList acl;
  std::int32_t flags = 0;
  std::int64_t ttl_ms = 0;
};

struct DeleteRequest {
  std::string path;
  std::int32_t version = kAnyVersion;
};

struct PathWatchRequest {  // exists, getData, getChildren, getChildren2
  std::string path;
  bool watch = false;
};

struct SetDataRequest {
  std::string path;
  Buffer data;
  std::int32_t version = kAnyVersion;
};

struct PathRequest {  // getACL, sync (also its response), getAllChildrenNumber
  std::string path;
};

struct SetAclRequest {
  std::string path;
  AclList acl;
  std::int32_t version = kAnyVersion;
};

struct CheckVersionRequest {
  std::string path;
  std::int32_t version = kAnyVersion;
};

struct AuthPacket {
  std::int32_t type = 0;
  std::string scheme;
  Buffer auth;
};

struct SetWatchesRequest {
  Zxid relative_zxid;
  std::vector<std::string> data_watches;
  std::vector<std::string> exist_watches;
  std::vector<std::string> child_watches;
};

struct SetWatches2Request {
  SetWatchesRequest base;
  std::vector<std::string> persistent_watches;
  std::vector<std::string> persistent_recursive_watches;
};

// ---- Responses -----------------------------------------------------------------------------

struct CreateResponse {
  std::string path;
};

struct Create2Response {
  std::string path;
  Stat stat;
};

struct StatResponse {  // exists, setData, setACL
  Stat stat;
};

struct GetDataResponse {
  Buffer data;
  Stat stat;
};

struct GetChildrenResponse {
  std::vector<std::string> children;
};

struct GetChildren2Response {
  std::vector<std::string> children;
  Stat stat;
};

struct GetAclResponse {
  AclList acl;
  Stat stat;
};

struct WatcherEvent {
  EventType type = EventType::None;
  KeeperState state = KeeperState::SyncConnected;
  std::string path;
};

struct MultiHeader {
  OpCode type = OpCode::Error;
  bool done = false;
  std::int32_t err = -1;
};

// ---- Txns: what the log holds and PROPOSAL carries -------------------------------------------

struct TxnHeader {
  SessionId client_id;
  std::int32_t cxid = 0;
  Zxid zxid;
  std::int64_t time_ms = 0;  ///< Leader's wall clock at preparation.
  OpCode type = OpCode::Error;
};

struct CreateTxn {  // create, create2
  std::string path;
  Buffer data;
  AclList acl;
  bool ephemeral = false;
  /// The parent's stored cversion after this create; absent before 3.4 (read as -1).
  std::int32_t parent_cversion = -1;
};

struct CreateContainerTxn {
  std::string path;
  Buffer data;
  AclList acl;
  std::int32_t parent_cversion = -1;
};

struct CreateTtlTxn {
  std::string path;
  Buffer data;
  AclList acl;
  std::int32_t parent_cversion = -1;
  std::int64_t ttl_ms = 0;
};

struct DeleteTxn {  // delete, deleteContainer
  std::string path;
};

struct SetDataTxn {  // setData, reconfig
  std::string path;
  Buffer data;
  std::int32_t version = 0;  ///< The new version.
};

struct SetAclTxn {
  std::string path;
  AclList acl;
  std::int32_t version = 0;  ///< The new aversion.
};

struct CheckVersionTxn {  // inside multi only
  std::string path;
  std::int32_t version = 0;
};

struct SubTxn {
  OpCode type = OpCode::Error;
  Bytes record;
};

struct MultiTxn {
  std::vector<SubTxn> txns;
};

struct CreateSessionTxn {
  std::int32_t timeout_ms = 0;
};

struct CloseSessionTxn {
  /// Ephemeral paths to delete; absent in logs before 3.6 or with closeSessionTxn.enabled=false.
  std::optional<std::vector<std::string>> paths;
};

struct ErrorTxn {
  Code err = Code::SystemError;
};

/// Trailer behind every txn but errors: version 2 and the digest of the tree after it.
struct TxnDigest {
  std::int32_t version = 2;
  std::uint64_t tree_digest = 0;
};

// clang-format off
#define QUORATE_RECORDS(X) \
  X(ConnectRequest) X(ConnectResponse) X(RequestHeader) X(ReplyHeader) X(CreateRequest) \
  X(CreateTtlRequest) X(DeleteRequest) X(PathWatchRequest) X(SetDataRequest) X(PathRequest) \
  X(SetAclRequest) X(CheckVersionRequest) X(AuthPacket) X(SetWatchesRequest) \
  X(SetWatches2Request) X(CreateResponse) X(Create2Response) X(StatResponse) X(GetDataResponse) \
  X(GetChildrenResponse) X(GetChildren2Response) X(GetAclResponse) X(WatcherEvent) \
  X(MultiHeader) X(TxnHeader) X(CreateTxn) X(CreateContainerTxn) X(CreateTtlTxn) X(DeleteTxn) \
  X(SetDataTxn) X(SetAclTxn) X(CheckVersionTxn) X(MultiTxn) X(CreateSessionTxn) \
  X(CloseSessionTxn) X(ErrorTxn) X(TxnDigest)
// clang-format on

#define QUORATE_DECLARE_RECORD(R)                \
  void encode(JuteWriter& out, const R& record); \
  void decode(JuteReader& in, R& record);
QUORATE_RECORDS(QUORATE_DECLARE_RECORD)
#undef QUORATE_DECLARE_RECORD

/// Decodes a whole body; Code::MarshallingError when it is cut short.
template <class R>
Result<R> decode_all(ByteView body) {
  JuteReader in(body);
  R record;
  decode(in, record);
  if (ErrorCode fault = in.finish()) return fault;
  return record;
}

template <class R>
Bytes encode_all(const R& record) {
  Bytes out;
  JuteWriter writer(out);
  encode(writer, record);
  return out;
}

}  // namespace quorate
