#include "consensus/leader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/ensure.h"

namespace quorate::consensus {
namespace {

constexpr std::int64_t kRetireMs = 100;

}  // namespace

Leader::Leader(Core& core)
    : core_(&core),
      discovery_(core.membership,
                 {core.options.self, core.accepted, core.current, core.log.last()}),
      following_(core),
      tracker_(core.membership) {
  deadline_ = core.now + core.ticks(core.options.init_limit);
  next_ping_ = core.now;
  next_check_ = core.now + core.options.tick_time_ms;
  if (core.options.standalone) {
    // Zxids run on in the epoch of the last one, as ZooKeeper's standalone server has them.
    epoch_ = core.log.last().epoch();
    counter_ = core.log.last().counter();
    establish();
  } else {
    discovery_.report(core.options.self, core.accepted, /*counts=*/true);
  }
}

void Leader::on_tick() {
  if (core_->options.standalone) return;
  if (!established() && core_->now > deadline_) {
    return core_->leave_role(handing_over_ ? "no quorum for the next epoch within syncLimit"
                                           : "no quorum within initLimit");
  }
  if (!established() && !handing_over_) watch_following();
  if (core_->leave) return;
  if (retired_) return retire();
  watch_learners();
  if (core_->now >= next_ping_) {
    next_ping_ = core_->now + std::max<std::int64_t>(1, core_->options.tick_time_ms / 2);
    ping_all();
  }
  if (core_->now >= next_check_) {
    next_check_ = core_->now + core_->options.tick_time_ms;
    if (established()) {
      check_quorum();
    } else if (core_->membership.changing()) {
      call_absent();
    }
  }
}

/// Whoever leads or follows answers only votes of those who look; and to be elected is what this
/// server asks for, once more.
void Leader::watch_following() {
  const std::vector<ServerId> here = voters_here();
  if (const char* why = following_.lost(here)) return core_->leave_role(why);
  if (core_->membership.current().is_quorum(here) || !following_.time_to_ask()) return;
  for (const ServerId voter : core_->membership.voters()) {
    if (std::find(here.begin(), here.end(), voter) != here.end()) continue;
    core_->send_vote(voter, PeerState::Looking, core_->vote, core_->vote.round);
  }
}

void Leader::on_notification(ServerId from, const Notification& n) {
  if (established() || handing_over_ || !core_->membership.is_voter(from)) return;
  const std::vector<ServerId> here = voters_here();
  if (std::find(here.begin(), here.end(), from) != here.end()) return;
  following_.note(from, n);
  if (const char* why = following_.lost(here)) core_->leave_role(why);
}

std::vector<ServerId> Leader::voters_here() const {
  std::vector<ServerId> here{core_->options.self};
  for (const auto& [link, entry] : learners_) {
    if (entry.stage >= Stage::Reported && !entry.without_vote) here.push_back(entry.sid);
  }
  return here;
}

/// Who does not know yet that it votes asks nobody for this leader, but its vote is needed.
void Leader::call_absent() {
  for (const ServerId voter : core_->membership.voters()) {
    const bool here = std::any_of(learners_.begin(), learners_.end(),
                                  [voter](const auto& item) { return item.second.sid == voter; });
    if (here || voter == core_->options.self) continue;
    core_->send_vote(voter, PeerState::Leading, core_->vote, core_->vote.round);
  }
}

/// Learners that have fallen silent are gone from the table already (watch_learners).
void Leader::check_quorum() {
  if (!core_->membership.is_quorum(voters_here())) core_->leave_role("quorum lost");
}

void Leader::on_progress() {
  if (core_->leave) return;
  advance();
  if (established()) {
    ack_own();
    commit_ready();
  }
  core_->emit_commits();
  if (!established() || core_->leave) return;
  finish_round();
  finish_syncs();
  end_of_counter();
  pump_requests();
}

/// From one epoch to the next it goes on serving clients, and learners have only a few records to
/// store: who does not answer is as far away as one that answers no PING (R46).
std::int32_t Leader::phase_limit() const {
  return handing_over_ ? core_->options.sync_limit : core_->options.init_limit;
}

/// Each phase ends when its quorum is there and what is to be said next is durable (section 7.1).
void Leader::advance() {
  if (phase_ == Phase::Discovery && discovery_.epoch()) {
    epoch_ = *discovery_.epoch();
    if (epoch_ >= kEpochEnd) return core_->leave_role("epochs have run out", /*penalty=*/true);
    phase_ = Phase::StoreAccepted;
    version_config();
    barrier_ = core_->write(StoreAcceptedEpoch{epoch_});
  }
  if (phase_ == Phase::StoreAccepted && core_->durable(barrier_)) {
    phase_ = Phase::Promises;
    deadline_ = core_->now + core_->ticks(phase_limit());
    discovery_.promise_self();
    for (auto& [link, entry] : learners_) {
      if (entry.stage == Stage::Reported) inform(link, entry);
    }
  }
  if (phase_ == Phase::Promises && discovery_.promised()) {
    phase_ = Phase::StoreCurrent;
    barrier_ = core_->write(StoreCurrentEpoch{epoch_});
  }
  if (phase_ == Phase::StoreCurrent && core_->durable(barrier_)) {
    phase_ = Phase::Synchronising;
    deadline_ = core_->now + core_->ticks(phase_limit());
    for (auto& [link, entry] : learners_) {
      if (entry.stage == Stage::Promised) begin_sync(link, entry);
    }
  }
  if (phase_ != Phase::Synchronising) return;
  // Own log was durable to its end before the first vote, and nothing has been added: we count.
  ENSURE(core_->log.synced() == core_->log.last());
  if (core_->membership.is_quorum(synced_servers())) establish();
}

std::vector<ServerId> Leader::synced_servers() const {
  std::vector<ServerId> synced{core_->options.self};
  for (const auto& [link, entry] : learners_) {
    if (entry.stage == Stage::Synced && !entry.without_vote) synced.push_back(entry.sid);
  }
  return synced;
}

bool Leader::quorum_synced(const Ensemble& config) const {
  std::vector<ServerId> followers{core_->options.self};
  for (const auto& [link, entry] : learners_) {
    // An observer will not acknowledge the proposal, also where the new config lets it vote. Nor
    // will one that the current config has just made an observer: it leaves as soon as it hears of
    // that.
    const Member* named = core_->membership.current().find(entry.sid);
    const bool observes = entry.observer || (named != nullptr && named->observer);
    if (entry.stage == Stage::Synced && !observes) followers.push_back(entry.sid);
  }
  return established() && config.is_quorum(followers);
}

/// The first config of an ensemble has no version; with reconfig it gets one as soon as a quorum
/// agrees, so that it wins over what a server that joins has in its file (section 7.1, step 6).
void Leader::version_config() {
  const Membership& membership = core_->membership;
  if (!core_->options.reconfig_enabled || membership.changing()) return;
  const Ensemble& config = membership.current();
  if (config.version() != 0) return;
  core_->membership.see(Ensemble(config.members(), Zxid::make(epoch_, 0).value, config.groups()));
}

/// A quorum has this leader's history and has left all older epochs behind: the history is
/// committed, own unapplied tail included.
void Leader::establish() {
  phase_ = Phase::Established;
  if (core_->log.committed() < core_->log.last()) REACHED("tail survives");
  core_->log.commit(core_->log.last());
  self_acked_ = core_->log.last();
  core_->emit_commits();
  ENSURE(core_->log.applied() == core_->log.last());
  if (core_->membership.changing()) core_->activate_config(core_->log.last());
  tracker_.membership_changed(core_->membership);
  core_->serving = true;
  core_->snapshot_needed = false;
  core_->vote.epoch = epoch_;
  if (!std::exchange(handing_over_, false)) {
    core_->tell(EventKind::Serving, core_->options.self, core_->log.committed());
  }
  for (auto& [link, entry] : learners_) {
    if (entry.stage != Stage::Synced) continue;
    entry.heard = core_->now;  // It answers no PING before UPTODATE.
    core_->send(link, PacketType::UpToDate, kBlankZxid);
  }
  // The history that is committed now may end with a reconfig that leaves this leader out.
  if (core_->options.standalone || core_->votes()) return;
  REACHED("leader removed by its tail");
  retired_ = Retired{core_->now + kRetireMs, core_->options.self};
}

bool Leader::counter_left(std::size_t wanted) const {
  const std::uint32_t last = core_->options.counter_end - 1;
  return last - std::min(counter_, last) >= wanted;
}

bool Leader::may_propose() const {
  return core_->serving && established() && !retired_ && !next_epoch_barrier_ && counter_left(1) &&
         tracker_.size() < core_->options.outstanding_max;
}

void Leader::on_propose(LogRecord record) {
  if (unproposed_ > 0) --unproposed_;
  if (!may_propose()) return;  // Serving ended while it was being prepared.
  ENSURE(record.zxid == next_zxid());
  ++counter_;
  const Zxid zxid = record.zxid;
  const bool changing = core_->membership.changing();
  broadcast_proposal(record);
  core_->append(std::move(record));
  // A reconfig needs both quorums itself.
  if (core_->membership.changing() != changing) tracker_.membership_changed(core_->membership);
  tracker_.add(zxid);
}

void Leader::ack_own() {
  if (self_acked_ >= core_->log.synced()) return;
  while (const LogRecord* next = core_->log.next_after(self_acked_)) {
    if (next->zxid > core_->log.synced()) break;
    self_acked_ = next->zxid;
    tracker_.ack(self_acked_, core_->options.self);
  }
}

void Leader::commit_ready() {
  while (!retired_) {
    const auto zxid = tracker_.take_committed();
    if (!zxid) return;
    if (core_->log.synced() < *zxid) REACHED("commit before own fsync");
    core_->log.commit(*zxid);
    const LogRecord& record = *core_->log.find(*zxid);
    if (core_->membership.changing() && core_->membership.last_seen().version() == zxid->value) {
      commit_reconfig(record);
    } else {
      broadcast_commit(record);
    }
  }
}

/// Section 14.5: who is to lead from here on; this server, if it still votes at the same address.
void Leader::commit_reconfig(const LogRecord& record) {
  Membership& membership = core_->membership;
  const Member* before = membership.current().find(core_->options.self);
  const Member* after = membership.last_seen().find(core_->options.self);
  ServerId designated = core_->options.self;
  const bool stays = after != nullptr && !after->observer &&
                     (before == nullptr ||
                      (before->host == after->host && before->quorum_port == after->quorum_port));
  if (!stays) {
    std::vector<ServerId> candidates;
    for (const auto& [link, entry] : learners_) {
      if (entry.stage == Stage::Synced && membership.last_seen().is_voter(entry.sid) &&
          membership.weight(entry.sid) > 0) {
        candidates.push_back(entry.sid);
      }
    }
    if (!candidates.empty()) designated = tracker_.most_advanced(candidates);
  }
  for (auto& [link, entry] : learners_) {
    if (!forwards(entry)) continue;
    const auto type =
        entry.observer ? PacketType::InformAndActivate : PacketType::CommitAndActivate;
    core_->send(link,
                {type, record.zxid,
                 encode_designated(designated, entry.observer ? record.bytes.view() : ByteView()),
                 std::nullopt});
  }
  core_->activate_config(record.zxid);
  tracker_.membership_activated(membership);
  for (auto& [link, entry] : learners_) {
    const Member* member = membership.current().find(entry.sid);
    if (member != nullptr && member->observer != entry.observer) REACHED("reconfig changes a role");
  }
  if (stays) return;
  // It commits nothing more (section 10.1): the successor decides about what is open. The learners
  // must still be told before the links end.
  REACHED("leader removed by reconfig");
  retired_ = Retired{core_->now + kRetireMs, designated};
}

void Leader::retire() {
  const bool alone = std::all_of(learners_.begin(), learners_.end(), [](const auto& item) {
    return item.second.stage < Stage::Synced;
  });
  if (!alone && core_->now < retired_->until) return;
  if (retired_->successor == core_->options.self) {
    return core_->leave_role("left out by a reconfig");
  }
  core_->follow_successor(retired_->successor);
}

void Leader::on_submit(Request request) {
  if (core_->serving) waiting_.push_back(std::move(request));
}

void Leader::pump_requests() {
  while (!waiting_.empty()) {
    const std::size_t handed_out = core_->ready.requests.size() + unproposed_;
    Request& next = waiting_.front();
    if (next.op == kSyncOp) {
      // It stands behind every request that came before it, also those still being prepared.
      if (handed_out > 0) return;
      start_sync_request(next);
    } else {
      if (!may_propose() || !counter_left(handed_out + 1) ||
          tracker_.size() + handed_out >= core_->options.outstanding_max) {
        return;
      }
      core_->ready.requests.push_back(std::move(next));
    }
    waiting_.pop_front();
  }
}

void Leader::start_sync_request(const Request& request) {
  // A round under way may have begun before this request: another one has to follow.
  const bool idle = round_ == round_confirmed_;
  if (request.origin && syncs_.size() >= core_->options.outstanding_max) {
    return drop(*request.origin, "too many syncs");
  }
  syncs_.push_back({request.origin, core_->log.last(), round_ + 1});
  if (idle) begin_round();
  finish_syncs();
}

/// Asks all who have a vote whether they still follow: hazard of a leader that has been replaced
/// without knowing it. Whoever answers a PING had promised nothing to a later leader by then.
void Leader::begin_round() {
  ++round_;
  for (auto& [link, entry] : learners_) {
    if (entry.stage != Stage::Synced || entry.observer) continue;
    ping(link, entry);
    entry.confirms_at = entry.pings;
  }
  finish_round();
}

void Leader::finish_round() {
  if (round_ == round_confirmed_) return;
  std::vector<ServerId> confirmed{core_->options.self};
  for (const auto& [link, entry] : learners_) {
    if (entry.stage == Stage::Synced && entry.confirms_at > 0 &&
        entry.pings_answered >= entry.confirms_at) {
      confirmed.push_back(entry.sid);
    }
  }
  if (!core_->membership.is_quorum(confirmed)) return;
  round_confirmed_ = round_;
  if (!syncs_.empty() && syncs_.back().round > round_) begin_round();
}

/// The answer is linearizable: a quorum has confirmed this leader after the request had come, and
/// all that was logged by then is committed. A learner's SYNC goes behind the COMMIT of the last
/// proposal of its time; a sync of our own clients waits until that is applied here.
void Leader::finish_syncs() {
  while (!syncs_.empty()) {
    const PendingSync& sync = syncs_.front();
    if (sync.round > round_confirmed_) return;
    const Zxid reached = sync.origin ? core_->log.committed() : core_->log.applied();
    if (reached < sync.behind) return;
    if (!sync.origin) {
      ++core_->ready.syncs_done;
    } else if (learners_.contains(*sync.origin)) {
      core_->send(*sync.origin, PacketType::Sync, Zxid{0});
    }
    syncs_.pop_front();
  }
}

/// R50: before the counter would run into the epoch, a new epoch begins.
void Leader::end_of_counter() {
  if (next_epoch_barrier_) {
    if (!core_->durable(*next_epoch_barrier_)) return;
    next_epoch_barrier_.reset();
    ++epoch_;
    counter_ = 0;
    return;
  }
  if (counter_left(1) || !tracker_.empty()) return;
  REACHED("counter ends");
  if (epoch_ + 1 >= kEpochEnd) return core_->leave_role("epochs have run out", /*penalty=*/true);
  if (!core_->options.standalone) {
    return may_hand_over() ? hand_over() : core_->leave_role("zxid counter ends");
  }
  core_->write(StoreAcceptedEpoch{std::max(core_->accepted, epoch_ + 1)});
  next_epoch_barrier_ = core_->write(StoreCurrentEpoch{std::max(core_->current, epoch_ + 1)});
}

/// ZooKeeper's learners do not know LEADERINFO in the middle of an epoch: with one of them there is
/// an election, as between ZooKeeper servers.
bool Leader::may_hand_over() const {
  return std::all_of(learners_.begin(), learners_.end(), [](const auto& item) {
    return item.second.stage != Stage::Synced || item.second.quorate;
  });
}

/// All that was proposed is committed. Discovery and synchronisation of the next epoch, in their
/// usual packets, on the links that are there: promises and NEWLEADER's ACKs of a quorum first,
/// every epoch durable before it is spoken of. Who is not in sync comes again.
void Leader::hand_over() {
  REACHED("epoch handed over");
  std::vector<LinkId> others;
  for (auto& [link, entry] : learners_) {
    if (entry.stage != Stage::Synced) {
      others.push_back(link);
      continue;
    }
    entry.stage = Stage::Reported;
    entry.heard = core_->now;
    entry.unacked.clear();
    entry.pings = entry.pings_answered = entry.confirms_at = 0;
  }
  for (const LinkId link : others) drop(link, "the epoch ends");
  handing_over_ = true;
  ++epoch_;
  counter_ = 0;
  discovery_ = Discovery(core_->membership,
                         {core_->options.self, core_->accepted, core_->current, core_->log.last()});
  discovery_.fix(epoch_);
  phase_ = Phase::StoreAccepted;
  deadline_ = core_->now + core_->ticks(phase_limit());
  barrier_ = core_->write(StoreAcceptedEpoch{epoch_});
  core_->tell(EventKind::EpochEnds, core_->options.self, core_->log.last());
}

/// Epochs come before the tree: alone, no start would see that they are behind it.
void Leader::on_tree_replacing(Zxid zxid) {
  ENSURE(tracker_.empty());
  ENSURE(zxid > core_->log.last());
  waiting_.clear();
  syncs_.clear();
  core_->ready.requests.clear();
  if (zxid.epoch() > core_->accepted) core_->write(StoreAcceptedEpoch{zxid.epoch()});
  if (zxid.epoch() > core_->current) core_->write(StoreCurrentEpoch{zxid.epoch()});
}

/// Zxids run on behind the tree's, so that no client sees one a second time.
void Leader::on_tree_replaced(Zxid zxid) {
  ENSURE(tracker_.empty());
  ENSURE(zxid > core_->log.last());
  core_->log.reset(zxid);
  self_acked_ = zxid;
  epoch_ = zxid.epoch();
  counter_ = zxid.counter();
  next_epoch_barrier_.reset();
}

void Leader::leave() {
  for (const auto& [link, entry] : learners_) core_->close(link);
  core_->log.hold_from(std::nullopt);
  // A version that was never agreed on.
  Membership& membership = core_->membership;
  if (membership.changing() && !core_->log.find(Zxid{membership.last_seen().version()})) {
    membership.forget();
  }
}

Peer::LearnerCounts Leader::learner_counts() const {
  Peer::LearnerCounts counts;
  counts.connected = learners_.size();
  for (const auto& [link, entry] : learners_) {
    if (!established() || entry.stage != Stage::Synced) continue;
    if (entry.observer) {
      ++counts.synced_observers;
    } else if (core_->membership.is_voter(entry.sid)) {
      ++counts.synced_followers;
    } else {
      ++counts.synced_non_voting;
    }
  }
  return counts;
}

std::vector<ServerId> Leader::synced_observers() const {
  std::vector<ServerId> ids;
  for (const auto& [link, entry] : learners_) {
    if (established() && entry.stage == Stage::Synced && entry.observer) ids.push_back(entry.sid);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

void Leader::check() const {
  ENSURE(core_->serving == (established() || handing_over_));
  ENSURE(phase_ < Phase::Promises || core_->options.standalone || core_->accepted == epoch_);
  ENSURE(phase_ < Phase::Synchronising || core_->options.standalone || core_->current == epoch_);
  ENSURE(!established() || tracker_.empty() == (core_->log.committed() == core_->log.last()));
  ENSURE(tracker_.size() <= core_->options.outstanding_max);
  std::vector<ServerId> seen;
  for (const auto& [link, entry] : learners_) {
    if (entry.stage == Stage::Connected) continue;
    ENSURE(std::find(seen.begin(), seen.end(), entry.sid) == seen.end());
    ENSURE(entry.stage < Stage::Transferring || phase_ >= Phase::Synchronising);
    seen.push_back(entry.sid);
  }
}

}  // namespace quorate::consensus
