#include "consensus/leader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/ensure.h"

namespace quorate::consensus {
namespace {

constexpr std::uint32_t kCounterEnd = 0xffffffff;  // R50: never used.

}  // namespace

Leader::Leader(Core& core)
    : core_(&core),
      discovery_(core.ensemble, {core.options.self, core.accepted, core.current, core.log.last()}),
      tracker_(core.ensemble) {
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
    return core_->leave_role("no quorum within initLimit");
  }
  watch_learners();
  if (core_->now >= next_ping_) {
    next_ping_ = core_->now + std::max<std::int64_t>(1, core_->options.tick_time_ms / 2);
    ping();
  }
  if (core_->now >= next_check_) {
    next_check_ = core_->now + core_->options.tick_time_ms;
    if (established()) check_quorum();
  }
}

/// Learners that have fallen silent are gone from the table already (watch_learners).
void Leader::check_quorum() {
  std::vector<ServerId> alive{core_->options.self};
  for (const auto& [link, entry] : learners_) {
    if (entry.stage >= Stage::Reported) alive.push_back(entry.sid);
  }
  if (!core_->ensemble.is_quorum(alive)) core_->leave_role("quorum lost");
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
  finish_syncs();
  end_of_counter();
  pump_requests();
}

/// Each phase ends when its quorum is there and what is to be said next is durable (section 7.1).
void Leader::advance() {
  if (phase_ == Phase::Discovery && discovery_.epoch()) {
    epoch_ = *discovery_.epoch();
    if (epoch_ >= kEpochEnd) return core_->leave_role("epochs have run out", /*penalty=*/true);
    phase_ = Phase::StoreAccepted;
    barrier_ = core_->write(StoreAcceptedEpoch{epoch_});
  }
  if (phase_ == Phase::StoreAccepted && core_->durable(barrier_)) {
    phase_ = Phase::Promises;
    deadline_ = core_->now + core_->ticks(core_->options.init_limit);
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
    deadline_ = core_->now + core_->ticks(core_->options.init_limit);
    for (auto& [link, entry] : learners_) {
      if (entry.stage == Stage::Promised) begin_sync(link, entry);
    }
  }
  if (phase_ != Phase::Synchronising) return;
  // Own log was durable to its end before the first vote, and nothing has been added: we count.
  ENSURE(core_->log.synced() == core_->log.last());
  std::vector<ServerId> synced{core_->options.self};
  for (const auto& [link, entry] : learners_) {
    if (entry.stage == Stage::Synced) synced.push_back(entry.sid);
  }
  if (core_->ensemble.is_quorum(synced)) establish();
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
  core_->serving = true;
  core_->snapshot_needed = false;
  core_->vote.epoch = epoch_;
  core_->tell(EventKind::Serving, core_->options.self, core_->log.committed());
  for (auto& [link, entry] : learners_) {
    if (entry.stage != Stage::Synced) continue;
    entry.heard = core_->now;  // It answers no PING before UPTODATE.
    core_->send(link, PacketType::UpToDate, kBlankZxid);
  }
}

bool Leader::counter_left(std::size_t wanted) const {
  return kCounterEnd - 1 - std::min(counter_, kCounterEnd - 1) >= wanted;
}

bool Leader::may_propose() const {
  return core_->serving && established() && !next_epoch_barrier_ && counter_left(1) &&
         tracker_.size() < core_->options.outstanding_max;
}

void Leader::on_propose(LogRecord record) {
  if (unproposed_ > 0) --unproposed_;
  if (!may_propose()) return;  // Serving ended while it was being prepared.
  ENSURE(record.zxid == next_zxid());
  ++counter_;
  tracker_.add(record.zxid);
  broadcast(PacketType::Proposal, record.zxid, record.bytes);
  core_->append(std::move(record));
}

void Leader::ack_own() {
  while (const LogRecord* next = core_->log.next_after(self_acked_)) {
    if (next->zxid > core_->log.synced()) break;
    self_acked_ = next->zxid;
    tracker_.ack(self_acked_, core_->options.self);
  }
}

void Leader::commit_ready() {
  while (const auto zxid = tracker_.take_committed()) {
    if (core_->log.synced() < *zxid) REACHED("commit before own fsync");
    core_->log.commit(*zxid);
    broadcast(PacketType::Commit, *zxid, std::nullopt);
  }
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
  syncs_.push_back({request.origin, core_->log.last()});
  finish_syncs();
}

/// A learner's SYNC goes behind the COMMIT of the last proposal of its time; a sync of our own
/// clients waits until that is applied here.
void Leader::finish_syncs() {
  while (!syncs_.empty()) {
    const PendingSync& sync = syncs_.front();
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
  if (!core_->options.standalone) return core_->leave_role("zxid counter ends");
  if (epoch_ + 1 >= kEpochEnd) return;
  core_->write(StoreAcceptedEpoch{std::max(core_->accepted, epoch_ + 1)});
  next_epoch_barrier_ = core_->write(StoreCurrentEpoch{std::max(core_->current, epoch_ + 1)});
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
}

std::size_t Leader::synced_followers() const {
  return static_cast<std::size_t>(std::count_if(
      learners_.begin(), learners_.end(),
      [this](const auto& item) { return established() && item.second.stage == Stage::Synced; }));
}

void Leader::check() const {
  ENSURE(core_->serving == established());
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
