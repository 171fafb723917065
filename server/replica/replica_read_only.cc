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
  // An empty tree is the truth where there has been a leader, and nothing to log: behind a log of
  // which nobody says how much is committed it would hide everything.
  const bool nothing_yet = peer.current_epoch() > 0 && peer.last_logged() == Zxid{};
  return exact && (tree.last_applied() > Zxid{} || nothing_yet);
}

void Replica::Impl::tend_read_only() {
  if (!may_read_only()) return end_read_only();
  if (read_only) return;
  const std::int64_t patience_ms = std::max(options.read_only_after_ms, options.peer.tick_time_ms);
  if (last_tick_ms - since.looking < patience_ms) return;
  REACHED("read-only mode");
  read_only = true;
  local_sessions.regrant(last_tick_ms);
  ports.observer.note(
      'W', "read-only mode begins, no leader found zxid=" + to_string(tree.last_applied()));
}

/// Whoever is connected comes back: for a session of the ensemble, unless local ones are as good.
void Replica::Impl::end_read_only() {
  if (!read_only) return;
  read_only = false;
  if (!keeps_local_sessions()) local_sessions.clear();
  close_all_clients();
  ports.observer.note('I', "read-only mode ends");
}

/// It is neither one of this server nor, as far as this server knows, one of the ensemble. With
/// local sessions it was another server's, and these are over for whoever goes elsewhere. Without,
/// only of what this process itself has handed out is it known that it is over: any other id may be
/// a live session of the ensemble, whose client must try elsewhere, not be told that it has
/// expired.
void Replica::Impl::reconnect_read_only(Connection& connection, SessionId session) {
  const bool over =
      keeps_local_sessions() ? !local_sessions.in_doubt(session) : sessions.handed_out(session);
  over ? refuse(connection) : close(connection);
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
  if (ends) {
    end_local_session(connection, cxid);
  } else {
    connections.reply(connection, {cxid, tree.last_applied(), Code::NotReadOnly});
  }
  return true;
}

}  // namespace quorate::server
