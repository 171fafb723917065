// Linearizable reads: each batch of them waits for a sync that the leader answers after a quorum
// has confirmed it.
#include <utility>
#include <vector>

#include "base/ensure.h"
#include "server/replica/replica_impl.h"
#include "znode/proto/records.h"

namespace quorate::server {

/// What tells nothing of the tree need not wait. A server alone is its own leader, without a doubt.
bool Replica::Impl::awaits_round(OpCode op, Passage passage) const {
  if (!options.linearizable_reads || options.peer.standalone || !serving) return false;
  if (passage != Passage::Read || znode::op_info(op).kind != znode::OpKind::Read) return false;
  return op != OpCode::AddWatch && op != OpCode::RemoveWatches && op != OpCode::CheckWatches &&
         op != OpCode::WhoAmI;
}

void Replica::Impl::join_round(Connection& connection, OpenRequest& request) {
  request.round = rounds.join();
  if (rounds.covers(connection.read_round)) rounds.wait(connection.id);
  connection.read_round = request.round;
}

/// At the end of a batch, so that all reads of the batch are in it.
void Replica::Impl::begin_read_round() {
  if (!serving || !rounds.due()) return;
  rounds.begun();
  barrier.awaited = !peer.proves_syncs();
  if (!barrier.awaited) gate.submitted_round();
  peer.step(consensus::Submit{round_request()});
}

/// A leader that answers a sync without asking a quorum still needs one to commit: a delete that
/// every leader refuses goes through the log as an error, and when it is applied here, so is all
/// that was committed before.
consensus::Request Replica::Impl::round_request() {
  consensus::Request request;
  Bytes body;
  JuteWriter out(body);
  if (barrier.awaited) {
    if (barrier.session == SessionId{}) {
      barrier.session = new_session_id();
    }
    request.session = barrier.session;
    request.cxid = ++barrier.cxid;
    request.op = static_cast<std::int32_t>(OpCode::Delete);
    encode(out, DeleteRequest{"/zookeeper", kAnyVersion});
  } else {
    request.op = static_cast<std::int32_t>(OpCode::Sync);
    out.string("/");
  }
  request.body = SharedBytes(std::move(body));
  return request;
}

bool Replica::Impl::is_barrier(const TxnHeader& txn) const {
  return txn.type == OpCode::Error && txn.client_id == barrier.session && txn.cxid == barrier.cxid;
}

void Replica::Impl::finish_read_round() {
  rounds.finished();
  barrier.awaited = false;
  const std::vector<ConnectionId> waited = rounds.take_waiting();
  if (waited.size() > 1) REACHED("reads confirmed together");
  for (ConnectionId id : waited) {
    drain(id);
    const Connection* connection = connections.find(id);
    if (connection != nullptr && !rounds.covers(connection->read_round)) rounds.wait(id);
  }
}

}  // namespace quorate::server
