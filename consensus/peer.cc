#include "consensus/peer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/ensure.h"
#include "consensus/peer_impl.h"

namespace quorate::consensus {
namespace {

constexpr std::size_t kWaitingMax = 64;
constexpr std::int64_t kPenaltyMaxMs = 5000;

}  // namespace

const char* name_of(Role role) {
  switch (role) {
    case Role::Looking:
      return "looking";
    case Role::Following:
      return "following";
    case Role::Leading:
      return "leading";
    case Role::Observing:
      return "observing";
  }
  return "?";
}

// ---- Roles -----------------------------------------------------------------------------------

Peer::Impl::Impl(PeerOptions options, DurableState state, Random seeded)
    : core(std::move(options), std::move(state)), random(seeded), role(Election(core, 0)) {
  if (core.options.standalone) {
    if (core.blank) {  // Alone it has nobody to learn from, and nothing that others count on.
      core.write(StoreAcceptedEpoch{core.accepted});
      core.write(StoreCurrentEpoch{core.current});
      core.blank = false;
    }
    core.vote.leader = core.options.self;
    become(Leader(core));
    settle();
    return;
  }
  core.tell(EventKind::Looking, core.options.self, core.log.last(), "start");
  if (core.blank) core.tell(EventKind::BlankServer, core.options.self);
}

void Peer::Impl::step(Input input) {
  if (auto* leader = as<Leader>(); leader && !std::holds_alternative<Propose>(input)) {
    leader->requests_forgotten();
  }
  std::visit([this](auto& what) { on(what); }, input);
  settle();
}

void Peer::Impl::settle() {
  while (true) {
    std::visit([](auto& state) { state.on_progress(); }, role);
    if (core.leave) {
      enter_looking();
      continue;
    }
    auto* election = as<Election>();
    if (election == nullptr || !election->decision()) break;
    enter_elected(*election->decision());
  }
  if (core.serving) core.penalty_ms = 0;
  core.emit_commits();
}

/// What is in flight ends here: requests unanswered, records beyond the commit point kept apart as
/// the log's tail, to be decided by the next leader's plan.
void Peer::Impl::enter_looking() {
  const Leave why = *std::exchange(core.leave, std::nullopt);
  if (auto* learner = as<Learner>()) learner->leave();
  if (auto* leader = as<Leader>()) leader->leave();
  core.ready.requests.clear();
  core.ready.revalidations.clear();
  core.ready.transfers.clear();
  core.chose_in_vain = core.options.reconfig_enabled && !core.serving;
  if (std::exchange(core.serving, false)) {
    core.tell(EventKind::ServiceLost, core.options.self, core.log.last(), why.reason);
  }
  core.tell(EventKind::Looking, core.options.self, core.log.last(), why.reason);
  std::int64_t wait = 0;
  if (why.penalty) {
    core.penalty_ms = std::clamp(core.penalty_ms * 2, core.options.min_notification_ms,
                                 std::max(kPenaltyMaxMs, core.options.min_notification_ms));
    wait = core.penalty_ms + random.between(0, core.penalty_ms / 4);
  }
  if (!why.successor) return become(Election(core, core.now + wait));
  // Section 14.7: no election; until the next one this vote carries round -1.
  enter_elected({*why.successor, core.log.last(), core.current, -1});
}

void Peer::Impl::enter_elected(const Vote& vote) {
  core.vote = vote;
  core.tell(EventKind::Elected, vote.leader, vote.zxid);
  auto links = std::exchange(waiting, {});
  if (vote.leader != core.options.self) {
    for (const auto& [link, packet] : links) core.close(link);
    return become(Learner(core, vote.leader));
  }
  become(Leader(core));
  for (const auto& [link, packet] : links) {
    as<Leader>()->on_accepted(link);
    if (packet) as<Leader>()->on_packet(link, *packet);
  }
}

// ---- Inputs ----------------------------------------------------------------------------------

void Peer::Impl::on(const Tick& tick) {
  core.now = std::max(core.now, tick.now_ms);
  if (!core.started) core.started = core.now;
  std::visit([](auto& state) { state.on_tick(); }, role);
}

void Peer::Impl::on(const ElectionMessage& message) {
  if (core.options.standalone || message.from == core.options.self) return;
  if (auto* election = as<Election>()) {
    return election->on_notification(message.from, message.notification);
  }
  if (auto* leader = as<Leader>()) leader->on_notification(message.from, message.notification);
  if (message.notification.state != PeerState::Looking || core.leave) return;
  PeerState own = PeerState::Leading;
  if (auto* learner = as<Learner>()) {
    if (message.from == learner->leader()) learner->on_leader_looking(message.notification.round);
    if (core.leave) return;
    own = learner->observing() ? PeerState::Observing : PeerState::Following;
  }
  core.send_vote(message.from, own, core.vote, core.vote.round);
}

void Peer::Impl::on(const ElectionLink& link) {
  if (link.reachable) {
    core.unreachable.erase(link.peer);
  } else {
    core.unreachable.insert(link.peer);
  }
  if (auto* election = as<Election>()) election->on_links_changed();
}

void Peer::Impl::on(QuorumMessage& message) {
  if (auto* learner = as<Learner>()) {
    return learner->on_packet(message.link, std::move(message.packet));
  }
  if (auto* leader = as<Leader>()) return leader->on_packet(message.link, message.packet);
  const auto found = waiting.find(message.link);
  if (found == waiting.end()) return;
  if (found->second) {  // A learner says one thing and waits for the answer.
    core.close(message.link);
    waiting.erase(found);
    return;
  }
  found->second = std::move(message.packet);
}

void Peer::Impl::on(const LinkUp& up) {
  if (up.opened_to) {
    auto* learner = as<Learner>();
    return learner ? learner->on_link_up(up.link, *up.opened_to) : core.close(up.link);
  }
  if (auto* leader = as<Leader>()) return leader->on_accepted(up.link);
  if (as<Election>() && waiting.size() < kWaitingMax) {
    waiting.emplace(up.link, std::nullopt);
  } else {
    core.close(up.link);
  }
}

void Peer::Impl::on(const LinkDown& down) {
  waiting.erase(down.link);
  if (auto* learner = as<Learner>()) learner->on_link_down(down.link);
  if (auto* leader = as<Leader>()) leader->on_link_down(down.link);
}

void Peer::Impl::on(Submit& submit) {
  if (auto* learner = as<Learner>()) learner->on_submit(std::move(submit.request));
  if (auto* leader = as<Leader>()) leader->on_submit(std::move(submit.request));
}

void Peer::Impl::on(Propose& propose) {
  if (auto* leader = as<Leader>()) leader->on_propose(std::move(propose.record));
}

void Peer::Impl::on(const LogSynced& synced) {
  core.synced(synced.write);
}

void Peer::Impl::on(const TransferDone& done) {
  if (auto* leader = as<Leader>()) leader->on_transfer_done(done);
}

void Peer::Impl::on(const SnapshotInstalled& installed) {
  if (core.installing != installed.link) return;
  core.installing.reset();
  // Also when its link is gone: this is what disk and tree hold now (R8).
  if (installed.ok) core.tree_replaced(installed.zxid, installed.config);
  if (auto* learner = as<Learner>()) learner->on_snapshot_installed(installed);
}

void Peer::Impl::on(const TreeReplacing& replacing) {
  ENSURE(core.options.standalone);
  as<Leader>()->on_tree_replacing(replacing.zxid);
}

void Peer::Impl::on(const TreeReplaced& replaced) {
  ENSURE(core.options.standalone);
  if (replaced.ok) as<Leader>()->on_tree_replaced(replaced.zxid);
}

void Peer::Impl::on(const TreeDiverged& diverged) {
  core.tree_diverged(diverged.zxid);
}

void Peer::Impl::on(const AskRevalidate& ask) {
  if (auto* learner = as<Learner>()) learner->on_revalidate(ask);
}

void Peer::Impl::on(const AnswerRevalidate& answer) {
  if (auto* leader = as<Leader>()) leader->on_answer(answer);
}

// ---- The door --------------------------------------------------------------------------------

Peer::Peer(PeerOptions options, DurableState state, Random random)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(state), random)) {}

Peer::~Peer() = default;

void Peer::step(Input input) {
  impl_->step(std::move(input));
}

bool Peer::has_ready() const {
  const Ready& r = impl_->core.ready;
  return !(r.writes.empty() && r.links.empty() && r.votes.empty() && r.sends.empty() &&
           r.commits.empty() && r.syncs_done == 0 && r.revalidated.empty() &&
           r.revalidations.empty() && r.touches.empty() && r.transfers.empty() &&
           r.events.empty() && r.requests.empty() && !r.membership_changed);
}

Ready Peer::take_ready() {
  Core& core = impl_->core;
  Ready taken = std::exchange(core.ready, Ready{});
  core.ready.first_write = core.last_write() + 1;
  if (auto* leader = impl_->as<Leader>()) leader->requests_taken(taken.requests.size());
  return taken;
}

Role Peer::role() const {
  if (impl_->as<Leader>()) return Role::Leading;
  const auto* learner = impl_->as<Learner>();
  if (learner == nullptr) return Role::Looking;
  return learner->observing() ? Role::Observing : Role::Following;
}

bool Peer::serving() const {
  return impl_->core.serving;
}

std::optional<ServerId> Peer::leader() const {
  if (impl_->as<Leader>()) return impl_->core.options.self;
  if (const auto* learner = impl_->as<Learner>()) return learner->leader();
  return std::nullopt;
}

bool Peer::proves_syncs() const {
  const auto* learner = impl_->as<Learner>();
  return impl_->as<Leader>() != nullptr || (learner != nullptr && learner->leader_quorate());
}

Zxid Peer::next_zxid() const {
  const auto* leader = impl_->as<Leader>();
  ENSURE(leader != nullptr);
  ENSURE(impl_->core.serving);
  return leader->next_zxid();
}

bool Peer::may_propose() const {
  const auto* leader = impl_->as<Leader>();
  return leader != nullptr && leader->may_propose();
}

Zxid Peer::applied() const {
  return impl_->core.log.applied();
}
Zxid Peer::committed() const {
  return impl_->core.log.committed();
}
Zxid Peer::last_logged() const {
  return impl_->core.log.last();
}
std::uint32_t Peer::accepted_epoch() const {
  return impl_->core.accepted;
}
std::uint32_t Peer::current_epoch() const {
  return impl_->core.current;
}

std::size_t Peer::outstanding() const {
  const auto* leader = impl_->as<Leader>();
  return leader ? leader->outstanding() : 0;
}

Peer::LearnerCounts Peer::learner_counts() const {
  const auto* leader = impl_->as<Leader>();
  return leader ? leader->learner_counts() : LearnerCounts{};
}

std::vector<ServerId> Peer::synced_observers() const {
  const auto* leader = impl_->as<Leader>();
  return leader ? leader->synced_observers() : std::vector<ServerId>{};
}

const Membership& Peer::membership() const {
  return impl_->core.membership;
}

bool Peer::quorum_synced(const Ensemble& config) const {
  const auto* leader = impl_->as<Leader>();
  return leader != nullptr && leader->quorum_synced(config);
}

Zxid Peer::fuzzy_until() const {
  return impl_->core.fuzzy_until;
}

void Peer::checkpointed(Zxid zxid) {
  ENSURE(zxid <= impl_->core.log.applied());
}

}  // namespace quorate::consensus
