// Local sessions: opened, taken up, closed and expired here, without a word to the others; and how
// one becomes a session of the ensemble.
#include "base/ensure.h"
#include "server/replica/replica_impl.h"
#include "znode/proto/records.h"

namespace quorate::server {

namespace {

/// ZooKeeper's leader refuses the ephemeral node of a session that it does not know as expired.
/// That session lives; why it may not is for its own server to say (tree-semantics 5 and 6: each
/// part of a multi is checked as if alone).
void explain(znode::Outcome& outcome) {
  if (outcome.error == Code::SessionExpired) outcome.error = Code::EphemeralOnLocalSession;
  for (znode::Outcome& part : outcome.parts) explain(part);
}

}  // namespace

/// Beside the sessions in the tree an id may be one that a connection is about to have.
SessionId Replica::Impl::new_session_id() {
  return sessions.next_id(tree.sessions(), [this](SessionId id) {
    return connections.of_session(id) != nullptr || local_sessions.contains(id) ||
           local_sessions.upgrading(id) || (proposer && proposer->session_alive(id));
  });
}

void Replica::Impl::create_local_session(Connection& connection) {
  const SessionId session = new_session_id();
  if (!local_sessions.create(session, connection.timeout_ms, last_tick_ms)) {
    return close(connection);
  }
  if (!read_only) REACHED("local session opened");
  attach_local(connection, session);
}

void Replica::Impl::attach_local(Connection& connection, SessionId session) {
  connections.attach(connection, session);
  connection.local = true;
  establish(connection);
}

/// Before the write that needs it, which finds it in the log. Also for one that is refused then.
void Replica::Impl::upgrade_session(Connection& connection) {
  const std::optional<std::int32_t> timeout_ms = local_sessions.begin_upgrade(connection.session);
  ENSURE(timeout_ms);
  REACHED("local session upgraded");
  connection.local = false;
  submit_create_session(connection, *timeout_ms);
}

/// What of a request of a local session goes beyond what it may. True: it asks for it in vain.
bool Replica::Impl::exceeds_local(Connection& connection, OpCode op, ByteView body) {
  if (!connection.local || !znode::creates_ephemeral(op, body)) return false;
  if (!options.upgrade_local_sessions) {
    REACHED("ephemeral node of a local session refused");
    return true;
  }
  upgrade_session(connection);
  return false;
}

znode::Outcome Replica::Impl::explained(znode::Outcome outcome) {
  explain(outcome);
  return outcome;
}

void Replica::Impl::end_local_session(Connection& connection, std::int32_t cxid) {
  connections.reply(connection, {cxid, tree.last_applied(), Code::Ok});
  local_sessions.remove(connection.session);
  close(connection);
}

/// While nobody can come here, silence says nothing.
void Replica::Impl::tend_local_sessions(bool slept) {
  if (local_sessions.size() == 0 || stopped || !(serving || read_only)) return;
  if (slept) local_sessions.regrant(last_tick_ms);
  for (SessionId session : local_sessions.take_expired(last_tick_ms)) expire_local(session);
}

void Replica::Impl::expire_local(SessionId session) {
  ++metrics.sessions_expired;
  ports.observer.note('I', "local session expired session=" + to_string(session));
  local_sessions.remove(session);
  if (Connection* connection = connections.of_session(session)) close(*connection);
}

/// A client came back while its session was on the way to the ensemble: now it can be asked about.
void Replica::Impl::finish_upgrade(SessionId session) {
  local_sessions.remove(session);
  if (!local_sessions.upgraded(session)) return;
  Connection* connection = connections.of_session(session);
  if (connection == nullptr || connection->stage != Stage::Revalidating) return;
  REACHED("reconnect during an upgrade");
  revalidate(*connection);
}

}  // namespace quorate::server
