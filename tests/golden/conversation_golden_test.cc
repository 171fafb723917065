// A recorded conversation with a ZooKeeper server, request by request against our tree: the same
// codes, the same bodies. Only clock times are left out of the comparison.
#include <algorithm>
#include <set>

#include "golden/captures.h"
#include "znode/node.h"
#include "znode/op.h"
#include "znode/pending_view.h"
#include "znode/txn.h"
#include "znode/watch_table.h"

namespace quorate::golden {
namespace {

using namespace znode;

constexpr SessionId kOther{0x7000};

struct Exchange {
  std::string name;
  RequestHeader request;
  Bytes body;
  ReplyHeader reply;
  Bytes reply_body;
};

std::string stem(const std::string& name, const char* ending) {
  const std::size_t length = std::string(ending).size();
  return name.size() > length && name.ends_with(ending) ? name.substr(0, name.size() - length) : "";
}

/// Requests with their replies, from the first create to the last multi; what comes later is about
/// operations that this part of the server does not decide.
std::vector<Exchange> exchanges(const std::string& file) {
  std::vector<Exchange> found;
  Exchange current;
  bool inside = false, over = false;
  each_line(file, [&](const Json& line) {
    const std::string name = line["name"];
    if (name == "create.persistent.request") inside = true;
    if (name.starts_with("multiRead")) over = true;
    if (!inside || over) return;
    const Bytes frame = from_hex(line["hex"].get<std::string>());
    const ByteView packet = frame.size() < 12 ? ByteView() : ByteView(frame).subspan(4);
    if (packet.empty()) return;
    if (const std::string base = stem(name, ".request"); !base.empty()) {
      current = {base, *decode_all<RequestHeader>(packet), {}, {}, {}};
      current.body.assign(packet.begin() + 8, packet.end());
    } else if (stem(name, ".response") == current.name && packet.size() >= 16) {
      current.reply = *decode_all<ReplyHeader>(packet);
      current.reply_body.assign(packet.begin() + 16, packet.end());
      found.push_back(current);
    }
  });
  return found;
}

Bytes without_times(Stat& stat, const auto& record) {
  stat.ctime = stat.mtime = 0;
  return encode_all(record);
}

/// The body with times zeroed and names in order, which no server promises.
Bytes normal(OpCode op, ByteView body) {
  if (body.empty()) return {};
  switch (op) {
    case OpCode::Create2:
    case OpCode::CreateContainer:
    case OpCode::CreateTtl: {
      auto record = *decode_all<Create2Response>(body);
      return without_times(record.stat, record);
    }
    case OpCode::Exists:
    case OpCode::SetData:
    case OpCode::SetAcl: {
      auto record = *decode_all<StatResponse>(body);
      return without_times(record.stat, record);
    }
    case OpCode::GetData: {
      auto record = *decode_all<GetDataResponse>(body);
      return without_times(record.stat, record);
    }
    case OpCode::GetAcl: {
      auto record = *decode_all<GetAclResponse>(body);
      return without_times(record.stat, record);
    }
    case OpCode::GetChildren:
    case OpCode::GetEphemerals: {
      auto record = *decode_all<GetChildrenResponse>(body);
      std::sort(record.children.begin(), record.children.end());
      return encode_all(record);
    }
    case OpCode::GetChildren2: {
      auto record = *decode_all<GetChildren2Response>(body);
      std::sort(record.children.begin(), record.children.end());
      return without_times(record.stat, record);
    }
    case OpCode::Multi: {
      Bytes result;
      JuteReader in(body);
      JuteWriter out(result);
      while (in.remaining() > 0) {
        MultiHeader header;
        decode(in, header);
        encode(out, header);
        if (header.done) break;
        if (header.type == OpCode::Create || header.type == OpCode::Create2)
          out.string(in.string());
        if (header.type == OpCode::Error) out.i32(in.i32());
        if (header.type == OpCode::Create2 || header.type == OpCode::SetData) {
          Stat stat = in.stat();
          stat.ctime = stat.mtime = 0;
          out.stat(stat);
        }
      }
      return result;
    }
    default:
      return Bytes(body.begin(), body.end());
  }
}

struct Server {
  explicit Server(SessionId main_session) : main(main_session) {
    for (SessionId session : {main, kOther}) {
      zxid = zxid.next();
      const Bytes body = encode_all(CreateSessionTxn{10000});
      land(prepare(pending, {}, {session, nobody}, {session, 0, OpCode::CreateSession, body}, zxid,
                   1));
    }
  }

  Outcome land(const Bytes& txn) {
    Result<Outcome> outcome = apply(tree, txn, ReplayMode::Exact);
    REQUIRE(outcome.has_value());
    REQUIRE_FALSE(outcome->digest_mismatch);
    pending.landed(outcome->header.zxid);
    return *outcome;
  }

  /// What clients may not yet ask for, as a ZooKeeper leader would send it.
  Bytes foreign_txn(const Exchange& exchange) {
    Txn txn{{main, 0, zxid, 1, exchange.request.type}, {}, std::nullopt};
    if (exchange.request.type == OpCode::DeleteContainer) {
      txn.changes = {{txn.header.type, *decode_all<DeleteTxn>(exchange.body)}};
    } else if (exchange.request.type == OpCode::CreateContainer) {
      const auto request = *decode_all<CreateRequest>(exchange.body);
      txn.changes = {
          {txn.header.type, CreateContainerTxn{request.path, request.data, request.acl, -1}}};
    } else {
      const auto request = *decode_all<CreateTtlRequest>(exchange.body);
      const std::string path = decode_all<Create2Response>(exchange.reply_body)->path;
      txn.changes = {
          {txn.header.type, CreateTtlTxn{path, request.data, request.acl, -1, request.ttl_ms}}};
    }
    const Bytes bytes = encode_txn(txn);
    REQUIRE(!pending.replay(bytes));
    return bytes;
  }

  Code write(const Exchange& exchange, SessionId session, const Identities& who, Bytes& body) {
    const OpCode op = exchange.request.type;
    const bool foreign =
        op == OpCode::CreateContainer || op == OpCode::CreateTtl || op == OpCode::DeleteContainer;
    const WriteRequest request{session, exchange.request.xid, op, exchange.body};
    // The reply to a write shows the write's own zxid, except to one that does not decode: that
    // one takes a zxid as well, but ZooKeeper's reply does not show it.
    zxid = std::max(zxid.next(), exchange.reply.zxid);
    const Outcome outcome = land(foreign ? foreign_txn(exchange)
                                         : prepare(pending, {}, {session, who}, request, zxid, 1));
    JuteWriter out(body);
    if (outcome.error == Code::Ok) encode_response(out, outcome);
    return outcome.error;
  }

  SessionId main;
  Identities nobody{{"ip", "127.0.0.1"}};
  DataTree tree;
  PendingView pending{tree};
  WatchTable watches;
  Zxid zxid;
};

/// Answers that depend on what is not there yet.
bool is_out_of_scope(const Exchange& exchange) {
  static const std::set<OpCode> later = {
      OpCode::Auth,         OpCode::WhoAmI,        OpCode::Sasl, OpCode::Reconfig,
      OpCode::CheckWatches, OpCode::RemoveWatches, OpCode::Sync, OpCode::CloseSession};
  return later.contains(exchange.request.type) || exchange.name == "error.BadArguments.ttl_zero" ||
         exchange.name == "check.standalone" ||
         exchange.name == "multi.ok";  // makes a container and a TTL node
}

bool is_of_other_session(const std::string& name) {
  return name == "create.acl_auth" || name == "getACL.auth_expanded" || name == "setACL" ||
         name == "setACL.world_read";
}

SessionId main_session(const std::vector<Exchange>& all) {
  for (const Exchange& exchange : all) {
    if (exchange.name == "getData.ephemeral") {
      return {decode_all<GetDataResponse>(exchange.reply_body)->stat.ephemeral_owner};
    }
  }
  return {};
}

AuthId digest_identity(const std::vector<Exchange>& all) {
  for (const Exchange& exchange : all) {
    if (exchange.name == "getACL.auth_expanded") {
      return decode_all<GetAclResponse>(exchange.reply_body)->acl.front().who;
    }
  }
  return {};
}

}  // namespace

TEST_CASE("conversation: our tree answers as the recorded server did") {
  if (!available()) return;
  const std::vector<Exchange> all = exchanges("captures/golden-3.9.5.jsonl");
  Server server(main_session(all));
  const Identities bob{{"ip", "127.0.0.1"}, digest_identity(all)};
  int compared = 0;
  for (const Exchange& exchange : all) {
    if (is_out_of_scope(exchange)) continue;
    CAPTURE(exchange.name);
    const bool other = is_of_other_session(exchange.name);
    const Identities& who = other ? bob : server.nobody;
    const SessionId session = other ? kOther : server.main;
    const Caller caller{session, who};
    Bytes body;
    JuteWriter out(body);
    const OpOptions options;
    const Code code = op_info(exchange.request.type).kind == OpKind::Write
                          ? server.write(exchange, session, who, body)
                          : read({server.tree, server.watches, ConnectionId{1}, caller, options},
                                 exchange.request.type, exchange.body, out);
    CHECK(code == exchange.reply.err);
    CHECK(normal(exchange.request.type, body) ==
          normal(exchange.request.type, exchange.reply_body));
    ++compared;
  }
  CHECK(compared > 80);
}

}  // namespace quorate::golden
