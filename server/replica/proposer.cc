#include "server/replica/proposer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/ensure.h"

namespace quorate::server {

namespace {

/// Client id, cxid, zxid, time, type.
constexpr std::size_t kTxnHeaderBytes = 32;

/// A longer txn is not copied.
constexpr std::size_t kCopiedTxnMax = 4096;

}  // namespace

Proposer::Proposer(const znode::DataTree& tree, const znode::OpOptions& options, Sessions& sessions,
                   const LocalWriters& locals, std::size_t txn_bytes_max)
    : tree_(tree),
      options_(options),
      sessions_(sessions),
      locals_(locals),
      txn_bytes_max_(txn_bytes_max),
      pending_(tree) {}

consensus::LogRecord Proposer::prepare(const consensus::Request& request, Zxid zxid,
                                       std::int64_t wall_ms) {
  const znode::WriteRequest write{request.session, request.cxid, static_cast<OpCode>(request.op),
                                  request.body.view()};
  const bool late =
      request.superseded && write.op != OpCode::CreateSession && write.op != OpCode::CloseSession;
  if (late) return keep(zxid, znode::prepare_error(write, zxid, wall_ms, Code::SessionMoved));
  return keep(zxid, make_txn(write, identities_of(request), request.origin, zxid, wall_ms));
}

consensus::LogRecord Proposer::prepare(const znode::WriteRequest& write,
                                       const znode::Identities& identities, Zxid zxid,
                                       std::int64_t wall_ms) {
  return keep(zxid, make_txn(write, identities, /*origin=*/std::nullopt, zxid, wall_ms));
}

consensus::LogRecord Proposer::prepare_expiry(SessionId session, Zxid zxid, std::int64_t wall_ms) {
  static const znode::Identities kNobody;
  znode::WriteRequest write{session, /*cxid=*/0, OpCode::CloseSession, {}};
  if (locals_.enabled) sessions_.ended(session);
  Bytes txn = znode::prepare(pending_, options_, {session, kNobody}, write, zxid, wall_ms);
  return keep(zxid, fit(std::move(txn), write, zxid, wall_ms));
}

std::optional<consensus::LogRecord> Proposer::prepare_reap(const std::string& path,
                                                           const znode::ReapRules& rules, Zxid zxid,
                                                           std::int64_t wall_ms) {
  std::optional<Bytes> txn = znode::prepare_reap(pending_, rules, path, zxid, wall_ms);
  if (!txn) return std::nullopt;
  return keep(zxid, std::move(*txn));
}

Bytes Proposer::make_txn(const znode::WriteRequest& write, const znode::Identities& identities,
                         Owner origin, Zxid zxid, std::int64_t wall_ms) {
  bool creates = write.op == OpCode::CreateSession;
  bool closes = write.op == OpCode::CloseSession;
  // Only what every server can apply becomes a txn (hazard R51).
  if (!creates && !closes && znode::op_info(write.op).kind != znode::OpKind::Write) {
    return znode::prepare_error(write, zxid, wall_ms, Code::Unimplemented);
  }
  // No txn is much larger than its request, so this keeps each below the limit of a packet.
  if (write.body.size() > static_cast<std::size_t>(options_.max_buffer)) {
    return znode::prepare_error(write, zxid, wall_ms, Code::MarshallingError);
  }
  const bool asks = !creates && !closes;
  // Nearly every request comes from the owner, which is the shortest question.
  if (asks && !sessions_.is_owner(write.session, origin) && pending_.session_alive(write.session) &&
      !sessions_.may_write(write.session, origin)) {
    return znode::prepare_error(write, zxid, wall_ms, Code::SessionMoved);
  }
  if (creates) sessions_.own(write.session, origin);
  if (closes && locals_.enabled) sessions_.ended(write.session);
  const znode::Caller caller{write.session, identities, asks && is_local(write.session, origin)};
  Bytes txn = znode::prepare(pending_, options_, caller, write, zxid, wall_ms);
  return fit(std::move(txn), write, zxid, wall_ms);
}

/// Whether the ensemble does not know it, but it may live all the same. Another server answers for
/// its own local ones, as in ZooKeeper; an id that this server has made, or whose end has gone
/// through the log, is over.
bool Proposer::is_local(SessionId session, Owner origin) const {
  if (!locals_.enabled || pending_.session_alive(session)) return false;
  if (!origin) return locals_.own.contains(session);
  const std::int64_t maker = (session.value >> 56) & 0xff;
  return maker != (locals_.self.value & 0xff) && !sessions_.lately_ended(session);
}

Bytes Proposer::fit(Bytes txn, const znode::WriteRequest& write, Zxid zxid, std::int64_t wall_ms) {
  if (txn.size() <= txn_bytes_max_) return txn;
  if (write.op == OpCode::CloseSession) {
    // Refusing is no way out: the session must end. Without its list of paths the txn has the form
    // of ZooKeeper before 3.6, and every server removes what the session owns all the same.
    REACHED("closeSession too large for a packet");
    txn.resize(kTxnHeaderBytes);
    return txn;
  }
  REACHED("txn too large for a packet");
  // prepare() has recorded the change already: start again from the tree and what is in flight.
  pending_ = znode::PendingView(tree_);
  for (const consensus::LogRecord& record : in_flight_) {
    ENSURE(!pending_.replay(record.bytes.view()));
  }
  return znode::prepare_error(write, zxid, wall_ms, Code::MarshallingError);
}

/// Valid until the next call. Most who ask have proved the same as the one before.
const znode::Identities& Proposer::identities_of(const consensus::Request& request) {
  static const std::vector<consensus::WireId> kNone;
  const std::vector<consensus::WireId>& wire = request.authinfo ? *request.authinfo : kNone;
  const bool same = std::equal(wire.begin(), wire.end(), identities_.begin(), identities_.end(),
                               [](const consensus::WireId& one, const AuthId& other) {
                                 return one.id == other.id && one.scheme == other.scheme;
                               });
  if (same) return identities_;
  identities_.clear();
  for (const consensus::WireId& one : wire) identities_.push_back({one.scheme, one.id});
  return identities_;
}

consensus::LogRecord Proposer::keep(Zxid zxid, Bytes txn) {
  const bool shorter = txn.size() <= kCopiedTxnMax;
  in_flight_.push_back({zxid, shorter ? SharedBytes::copy_of(txn) : SharedBytes(std::move(txn))});
  return in_flight_.back();
}

void Proposer::landed(Zxid zxid) {
  while (!in_flight_.empty() && in_flight_.front().zxid <= zxid) in_flight_.pop_front();
  pending_.landed(zxid);
}

}  // namespace quorate::server
