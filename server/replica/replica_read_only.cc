// Read-only mode: a server that finds no leader answers reads from the tree as it has it, to
// clients that put up with that, in sessions of its own.
#include <algorithm>

#include "base/ensure.h"
#include "server/replica/replica_impl.h"

namespace quorate::server {

/// Only a tree that is exactly what was committed up to its zxid is shown.
bool Replica::Impl::may_read_only() const {
  if (!options.read_only_mode || options.peer.standalone || stopped) return false;
  if (serving || peer.role() != consensus::Role::Looking) return false;
  const bool exact = proven && !diverged && !installing && fuzzy_until() <= tree.last_applied();
  return exact && tree.last_applied() > Zxid{};
}

void Replica::Impl::tend_read_only(bool slept) {
  if (!may_read_only()) return end_read_only();
  if (!read_only) {
    const std::int64_t patience_ms =
        std::max(options.read_only_after_ms, options.peer.tick_time_ms);
    if (last_tick_ms - since.looking < patience_ms) return;
    REACHED("read-only mode");
    read_only = true;
    ports.observer.note(
        'W', "read-only mode begins, no leader found zxid=" + to_string(tree.last_applied()));
    return;
  }
  if (slept) local_sessions.regrant(last_tick_ms);
  for (SessionId session : local_sessions.take_expired(last_tick_ms)) {
    if (Connection* connection = connections.of_session(session)) close(*connection);
  }
}

/// Whoever is connected comes back for a session of the ensemble.
void Replica::Impl::end_read_only() {
  if (!read_only) return;
  read_only = false;
  local_sessions.clear();
  close_all_clients();
  ports.observer.note('I', "read-only mode ends");
}

void Replica::Impl::create_local_session(Connection& connection) {
  SessionId session = sessions.next_id(
      tree.sessions(), [this](SessionId id) { return connections.of_session(id) != nullptr; });
  if (!local_sessions.create(session, connection.timeout_ms, last_tick_ms)) {
    return close(connection);
  }
  connections.attach(connection, session);
  establish(connection);
}

/// Only of what this process itself has handed out is it known that it is over. Any other id may be
/// a live session of the ensemble: its client must try elsewhere, not be told that it has expired.
void Replica::Impl::reconnect_local(Connection& connection, SessionId session) {
  ++metrics.connection_revalidations;
  if (local_sessions.touch(session, connection.timeout_ms, last_tick_ms)) {
    connections.attach(connection, session);
    return establish(connection);
  }
  sessions.handed_out(session) ? refuse(connection) : close(connection);
}

/// False: a request that is answered here as ever.
bool Replica::Impl::answer_read_only(Connection& connection, std::int32_t cxid, OpCode op,
                                     Passage passage) {
  const bool ends = op == OpCode::CloseSession;
  // The two others are refused by their names: a client that may only read is told so.
  const bool refused = passage == Passage::Write || passage == Passage::Sync ||
                       op == OpCode::Check || op == OpCode::DeleteContainer;
  if (!refused) return false;
  count_answer(connection, cxid, op, tree.last_applied(), /*latency_ms=*/0);
  connections.reply(connection, {cxid, tree.last_applied(), ends ? Code::Ok : Code::NotReadOnly});
  if (ends) {
    local_sessions.remove(connection.session);
    close(connection);
  }
  return true;
}

}  // namespace quorate::server
