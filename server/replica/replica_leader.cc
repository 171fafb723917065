// What a leader does: requests to proposals, questions of sessions, expiry, reaping.
#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "server/replica/replica_impl.h"

namespace quorate::server {

void Replica::Impl::answer_revalidation(const consensus::Revalidation& revalidation) {
  ++metrics.revalidations;
  SessionId session = revalidation.question.session;
  bool valid = proposer && proposer->session_alive(session);
  if (valid) {
    // As in the core (consensus/leader_learners.cc): they came before, by another connection.
    for (consensus::Request& request : waiting_requests) {
      request.superseded |= request.origin == revalidation.link && request.session == session;
    }
    sessions.own(session, revalidation.link);
    sessions.touch(session, revalidation.question.timeout_ms, ports.clock.now_ms());
  }
  peer.step(consensus::AnswerRevalidate{revalidation.link, session, valid});
}

void Replica::Impl::propose_waiting() {
  if (!proposer || waiting_requests.empty()) return;
  // For all that wait: nothing of them reaches the disk before this returns.
  if (!ports.disk.has_room()) return;
  const std::int64_t wall_ms = turn_wall_ms();
  while (!waiting_requests.empty() && peer.may_propose()) {
    consensus::Request request = std::move(waiting_requests.front());
    waiting_requests.pop_front();
    if (!request.origin && submitted_writes > 0) --submitted_writes;
    // A request is a sign of life too: its learner may die before its next PING reply (R58). An own
    // client was heard when it came.
    if (request.origin) {
      auto timeout_ms = tree.sessions().find(request.session);
      if (timeout_ms) sessions.touch(request.session, *timeout_ms, turn_ms());
    }
    ++metrics.prepared;
    propose(proposer->prepare(request, peer.next_zxid(), wall_ms));
    note_quota();
    if (planner.refused()) {
      ports.observer.note('W', "reconfig refused session=" + to_string(request.session) +
                                   " reason=\"" + planner.take_refusal() + '"');
    }
  }
}

void Replica::Impl::propose(consensus::LogRecord record) {
  std::uint64_t size = record.bytes.size();
  Statistics& s = statistics;
  s.min_proposal_size = s.proposals == 0 ? size : std::min(s.min_proposal_size, size);
  s.max_proposal_size = std::max(s.max_proposal_size, size);
  s.last_proposal_size = size;
  ++s.proposals;
  if (!options.peer.standalone) ++metrics.proposals;
  peer.step(consensus::Propose{std::move(record)});
}

void Replica::Impl::expire_sessions() {
  if (!proposer || stopped) return;
  for (SessionId session : sessions.take_expired(last_tick_ms)) {
    if (!proposer->session_alive(session)) continue;
    if (!waiting_requests.empty() || !peer.may_propose()) {
      sessions.expire_later(session, last_tick_ms);
      continue;
    }
    expire(session);
  }
}

void Replica::Impl::expire(SessionId session) {
  ++metrics.sessions_expired;
  ports.observer.note('I', "session expired session=" + to_string(session));
  propose(proposer->prepare_expiry(session, peer.next_zxid(), ports.clock.wall_ms()));
}

/// One delete at a time, behind whatever clients wait for; a node that is in use again is passed
/// over without a txn.
void Replica::Impl::reap() {
  if (!proposer || stopped) return;
  reaper.tick(tree, last_tick_ms, ports.clock.wall_ms());
  while (const std::string* path = reaper.due(last_tick_ms)) {
    if (!waiting_requests.empty() || !peer.may_propose()) return;
    auto record =
        proposer->prepare_reap(*path, reaper.rules(), peer.next_zxid(), ports.clock.wall_ms());
    reaper.taken(last_tick_ms);
    if (!record) continue;
    REACHED("node reaped");
    propose(std::move(*record));
  }
}

/// Clients can go beyond a quota as often as they like; the log hears of it now and then.
void Replica::Impl::note_quota() {
  constexpr std::int64_t kIntervalMs = 10000;
  constexpr std::size_t kNamesMax = 256;
  std::optional<znode::QuotaNote> note = proposer->take_quota_note();
  if (!note) return;
  const bool known = quota_refusals.contains(note->name);
  if (note->refused && (known || quota_refusals.size() < kNamesMax)) ++quota_refusals[note->name];
  ++quota_untold;
  const std::int64_t now_ms = ports.clock.now_ms();
  if (quota_told_ms != 0 && now_ms - quota_told_ms < kIntervalMs) return;
  ports.observer.note('W', note->text + " times=" + std::to_string(quota_untold));
  quota_told_ms = now_ms;
  quota_untold = 0;
}

}  // namespace quorate::server
