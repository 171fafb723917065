#include "server/replica/reader.h"

#include <optional>
#include <string>

#include "znode/proto/records.h"

namespace quorate::server {

namespace {
/// `err` stands behind xid and zxid in a ReplyHeader.
constexpr std::size_t kErrOffset = 12;
constexpr std::size_t kReplyHeaderBytes = 16;

/// Events of setWatches tell of the past: no one txn stands behind them.
constexpr Zxid kNoTxn{-1};
}  // namespace

void Reader::answer(Connection& connection, std::int32_t cxid, OpCode op, ByteView body) {
  if (op == OpCode::Ping) {
    // Always the reserved xid, whatever the client sent.
    return connections_.reply(connection, {xid::kPing, tree_.last_applied(), Code::Ok});
  }
  if (op == OpCode::SetWatches || op == OpCode::SetWatches2) {
    return answer_set_watches(connection, cxid, op, body);
  }
  znode::Caller caller{connection.session, connection.identities};
  znode::ReadContext context{tree_, watches_, connection.id, caller, options_};
  connections_.send(connection, [&](JuteWriter& out) {
    std::size_t start = out.out().size();
    encode(out, ReplyHeader{cxid, tree_.last_applied(), Code::Ok});
    Code code = znode::read(context, op, body, out);
    if (code == Code::Ok) return count_read(op, body, out.out().size() - start);
    store_be(out.out().data() + start + kErrOffset, static_cast<std::int32_t>(code));
  });
}

/// Bytes of path and answer.
void Reader::count_read(OpCode op, ByteView body, std::size_t reply_bytes) {
  if (op != OpCode::GetData && op != OpCode::Exists && op != OpCode::GetChildren &&
      op != OpCode::GetChildren2) {
    return;
  }
  const std::size_t size = load_be<std::uint32_t>(body.data());
  const std::string_view path = as_text(body.subspan(sizeof(std::uint32_t), size));
  metrics_.reads.add(path, size + reply_bytes - kReplyHeaderBytes);
}

void Reader::answer_set_watches(Connection& connection, std::int32_t cxid, OpCode op,
                                ByteView body) {
  znode::Caller caller{connection.session, connection.identities};
  znode::ReadContext context{tree_, watches_, connection.id, caller, options_};
  Result<std::vector<znode::Fire>> missed = znode::set_watches(context, op, body);
  Code code = missed ? Code::Ok : to_code(missed.error());
  if (missed) {
    for (const znode::Fire& fire : *missed) connections_.event(connection, fire, kNoTxn);
  }
  connections_.reply(connection, {cxid, tree_.last_applied(), code});
}

void Reader::answer_sync(Connection& connection, std::int32_t cxid, ByteView body) {
  JuteReader in(body);
  // No node is looked for, so that even a null path comes back as it was.
  const std::optional<std::string> path = in.nullable_string();
  ErrorCode fault = in.finish();
  connections_.send(connection, [&](JuteWriter& out) {
    encode(out, ReplyHeader{cxid, tree_.last_applied(), fault ? Code::MarshallingError : Code::Ok});
    if (!fault) out.nullable_string(path);
  });
}

}  // namespace quorate::server
