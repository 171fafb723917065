// The frame every operation fits, and the four things the server does with operations: prepare a
// write on the leader, apply a txn everywhere, read, and encode the answer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "znode/proto/records.h"

namespace quorate::znode {

class DataTree;
class PendingView;
class WatchTable;

/// What a connection has proved about itself: `ip:<address>` always, others by auth packets.
using Identities = std::vector<AuthId>;

/// Who asks. Identities travel with forwarded requests (authinfo of a REQUEST packet).
struct Caller {
  SessionId session;
  const Identities& identities;
  /// The session is known to the server alone that it came to: it may do all but own nodes.
  bool local = false;
};

/// What kind of passage through the server an operation takes.
enum class OpKind {
  Unknown,  ///< Not an operation a client may send: reply -6, zxid -1, then close.
  Write,    ///< Through the log.
  Read,     ///< From this server's own tree, in its session's order.
  Sync,     ///< Through the leader, without a txn.
  Local,    ///< Of the connection: ping, setWatches, auth.
};

/// The row of an operation: what request_gate, metrics and dispatch need to know of it.
struct OpInfo {
  OpCode code;
  const char* name;  ///< "create", "getData", ...: ZooKeeper's word, used as metric label.
  OpKind kind;
};

/// The row of `code`; kind Unknown for anything not supported.
const OpInfo& op_info(OpCode code);

/// The schemes, beside world, auth and ip, that a list may name.
struct AclSchemes {
  bool digest = true;
  bool x509 = false;
  bool sasl = false;
};

/// The record of a reconfig.
struct ReconfigRequest {
  std::optional<std::string> joining, leaving;  ///< Changes to the members there are.
  std::optional<std::string> new_members;       ///< All of them; then the other two are not read.
  std::int64_t based_on = -1;                   ///< Version of the config; -1: whichever it is.
};

/// Who the members are is nobody's business here: the server says what a reconfig would lead to.
class ReconfigPlanner {
 public:
  virtual ~ReconfigPlanner() = default;
  /// What /zookeeper/config will say if the txn `zxid` changes the members as asked for.
  /// Error: Unimplemented without an ensemble, ReconfigInProgress, BadVersion, BadArguments,
  /// NewConfigNoQuorum; looked for in this order.
  virtual Result<std::string> plan(const ReconfigRequest& request, Zxid zxid) const = 0;
};

/// Settings that decide what prepare() accepts.
struct OpOptions {
  bool extended_types_enabled = false;  ///< TTL nodes.
  bool skip_acl = false;
  bool enforce_quota = false;  ///< Hard limits refuse; without it they are figures to look at.
  AclSchemes acl_schemes;
  std::int32_t max_buffer = kDefaultMaxBuffer;
  const ReconfigPlanner* reconfig = nullptr;  ///< nullptr: ReconfigDisabled for everybody.
};

/// A write as it reached the leader, from an own client or by a REQUEST packet.
struct WriteRequest {
  SessionId session;
  std::int32_t cxid = 0;
  OpCode op = OpCode::Error;
  ByteView body;  ///< The record, without request header.
};

/// Leader only: turns the request into the txn that every server applies, under `zxid`. Reads
/// `pending` (the tree as it will be once all txns in flight have landed) and records the change
/// there, so that two writes in one batch see each other. A refusal, also of bytes that do not
/// decode, becomes an error txn, so that its answer keeps its place in the order (a failed write
/// consumes a zxid too). Returns TxnHeader, record and, unless it is an error txn, digest.
///
/// createSession and closeSession come through here as well (ops -10 and -11); for an expiry the
/// caller passes cxid 0. A dead session's request becomes an error txn with SessionExpired.
Bytes prepare(PendingView& pending, const OpOptions& options, const Caller& caller,
              const WriteRequest& request, Zxid zxid, std::int64_t time_ms);

/// Whether a client's request asks for a node that its session would own, be it in a part of a
/// multi. False for bytes that do not decode.
bool creates_ephemeral(OpCode op, ByteView body);

/// Like prepare(), for a refusal that the server decided itself (SessionMoved, Unimplemented).
Bytes prepare_error(const WriteRequest& request, Zxid zxid, std::int64_t time_ms, Code error);

/// A watch event to send: which kind of change, where. In the order in which they must be sent.
struct Fire {
  EventType type;
  std::string path;
  /// Of a deleted node, and of every node in a multi: the list it had then, by which
  /// may_see_event() decides now that the node is gone or may be.
  std::shared_ptr<const AclList> deleted_acl = nullptr;
};

/// What applying one txn did: enough for the reply and for the watches.
struct Outcome {
  TxnHeader header;
  Code error = Code::Ok;        ///< Of an error txn.
  std::string path;             ///< Created path.
  std::optional<Stat> stat;     ///< After the txn, as clients see it.
  std::int32_t timeout_ms = 0;  ///< createSession.
  std::vector<Fire> fires;      ///< Of a multi too: all of them are here, none in its parts.
  std::vector<Outcome> parts;   ///< multi: one per sub-txn.
  std::string config;           ///< reconfig: what /zookeeper/config says now.
  /// The leader's digest, where the txn carried one, differs from this tree's: replicas diverged.
  bool digest_mismatch = false;
};

/// How a txn whose node is missing or present already is treated (design.md section 1).
enum class ReplayMode {
  Exact,  ///< prepare() settled all that can go wrong: anything else is an ENSURE.
  Fuzzy,  ///< Right after a ZooKeeper snapshot: ZooKeeper's idempotent replay rules; no digest
          ///< check.
};

/// Every server, in zxid order. `txn` is what prepare() returned, or what a ZooKeeper leader sent.
/// Error: MarshallingError or Unimplemented for bytes that are no txn we know; the tree is then
/// unchanged and this server cannot follow that leader any further.
Result<Outcome> apply(DataTree& tree, ByteView txn, ReplayMode mode);

/// Writes what is known of the members to /zookeeper/config, without a txn: the first config of an
/// ensemble, and what a server learns of from others, have none. Not part of any digest.
Outcome set_config(DataTree& tree, std::string_view text, Zxid version, std::int64_t time_ms);

/// Decodes the header alone (first 32 bytes and type) of a txn.
Result<TxnHeader> peek_header(ByteView txn);

/// The body that follows an ok ReplyHeader for this outcome: nothing for a delete, path for a
/// create, path and Stat for create2, and so on. For an error outcome nothing is written (the
/// error goes into the header), except that a failed multi has header err 0 and a body.
void encode_response(JuteWriter& out, const Outcome& outcome);

/// The `err` of the ReplyHeader for this outcome (0 for a failed multi).
Code reply_code(const Outcome& outcome);

/// Read ops, answered from this server's tree. The watch, where asked for, is registered in the
/// same step, so that no change can slip between. Writes the body to `out`; on an error nothing,
/// but for a multiRead of writes, whose refusal carries an empty list.
struct ReadContext {
  const DataTree& tree;
  WatchTable& watches;
  ConnectionId connection;  ///< Whom a watch belongs to.
  const Caller& caller;
  const OpOptions& options;
};
Code read(const ReadContext& context, OpCode op, ByteView body, JuteWriter& out);

/// setWatches, setWatches2: registers what is current and returns what was missed, in the order of
/// the lists; those events precede the reply and carry zxid -1.
Result<std::vector<Fire>> set_watches(const ReadContext& context, OpCode op, ByteView body);

/// The list by which READ on the node of an event is judged at trigger time (3.9.2); nullptr:
/// nobody need be asked, because everybody may read it or it is gone. Valid until the tree changes.
const AclList* event_acl(const DataTree& tree, const Fire& fire);

/// READ on the node an event is about, for the filter at trigger time (3.9.2). A deleted node's ACL
/// travels in the event; true for a node that is gone otherwise. With OpOptions::skip_acl the
/// caller does not ask.
bool may_see_event(const DataTree& tree, const Caller& caller, const Fire& fire);

}  // namespace quorate::znode
