#include "consensus/learner.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/ensure.h"
#include "consensus/discovery.h"
#include "consensus/member_text.h"

namespace quorate::consensus {
namespace {

constexpr std::int64_t kReopenMs = 50;
constexpr std::size_t kHeldMax = 10000;

}  // namespace

Learner::Learner(Core& core, ServerId leader)
    : core_(&core), leader_(leader), observer_(core.is_observer()) {
  connect_until_ = core.now + core.connect_ms();
  deadline_ = connect_until_;
  core.ready.links.push_back(OpenLink{leader});
}

void Learner::on_tick() {
  if (reopen_at_ && core_->now >= *reopen_at_) {
    reopen_at_.reset();
    core_->ready.links.push_back(OpenLink{leader_});
  }
  // While a tree is being received nothing reaches the core; the driver watches that stream.
  if (stage_ == Stage::Installing || core_->now <= deadline_) return;
  core_->leave_role(stage_ == Stage::Connecting ? "leader not reached" : "leader is silent");
}

void Learner::on_link_up(LinkId link, ServerId peer) {
  if (link_ || peer != leader_) return core_->close(link);
  link_ = link;
  stage_ = Stage::AwaitEpoch;
  deadline_ = core_->now + core_->ticks(core_->options.init_limit);
  LearnerInfo info;
  info.sid = core_->options.self;
  info.config_version = core_->membership.current().version();
  info.quorate = true;
  info.blank = core_->blank;
  info.without_vote = !core_->without_vote.empty();
  const auto type = observer_ ? PacketType::ObserverInfo : PacketType::FollowerInfo;
  core_->send(link,
              {type, Zxid::make(core_->accepted, 0), encode_learner_info(info), std::nullopt});
}

void Learner::on_link_down(LinkId link) {
  if (link_ != link) return;
  link_.reset();
  if (stage_ != Stage::AwaitEpoch) return core_->leave_role("link to the leader ended");
  // It may still be deciding: ask again, until the deadline.
  stage_ = Stage::Connecting;
  deadline_ = connect_until_;
  reopen_at_ = core_->now + kReopenMs;
}

/// In a later round it has given up what it was elected for; in an earlier one it was restarted,
/// unless that vote was on its way for long. A successor named by a reconfig has no round to
/// compare with.
void Learner::on_leader_looking(std::int64_t round) {
  if (stage_ > Stage::AwaitEpoch || core_->vote.round < 0) return;
  const bool restarted = round < core_->vote.round && core_->now > connect_until_;
  if (round <= core_->vote.round && !restarted) return;
  REACHED("leader looks again");
  core_->leave_role("leader looks for another");
}

void Learner::on_packet(LinkId link, QuorumPacket packet) {
  if (link_ != link || core_->leave) return;
  const bool synced = stage_ == Stage::UpToDate;
  const auto limit = synced ? core_->options.sync_limit : core_->options.init_limit;
  deadline_ = core_->now + core_->ticks(limit);
  if (stage_ != Stage::Installing) return handle(packet);
  if (held_.size() >= kHeldMax) return core_->leave_role("too much behind a SNAP");
  held_.push_back(std::move(packet));
}

void Learner::handle(QuorumPacket& packet) {
  if (handle_handshake(packet)) return;
  if (packet.type == PacketType::Ping) return on_ping(packet.zxid);
  const bool known = name_of(packet.type) != name_of(static_cast<PacketType>(0));
  if (!known) return;
  if (!plan_stage()) return misbehaved(std::string(name_of(packet.type)) + " before a plan");
  switch (packet.type) {
    case PacketType::Proposal:
      return on_proposal(packet);
    case PacketType::Commit:
      return on_commit(packet.zxid);
    case PacketType::Inform:
      return on_inform(packet);
    case PacketType::CommitAndActivate:
    case PacketType::InformAndActivate:
      return on_activate(packet);
    case PacketType::NewLeader:
      return on_new_leader(packet);
    case PacketType::UpToDate:
      return on_up_to_date();
    case PacketType::Sync:
      return on_sync();
    case PacketType::Revalidate:
      return on_answer(packet);
    default:
      return misbehaved(std::string("unexpected ") + name_of(packet.type));
  }
}

bool Learner::handle_handshake(const QuorumPacket& packet) {
  const bool next_epoch = stage_ == Stage::UpToDate && core_->serving && leader_quorate_ &&
                          packet.zxid == Zxid::make(epoch_ + 1, 0);
  if (packet.type == PacketType::LeaderInfo && (stage_ == Stage::AwaitEpoch || next_epoch)) {
    if (next_epoch) {
      handing_over_ = true;
      diff_to_.reset();
      cut_ = plan_records_ = snapshot_taken_ = false;
    }
    on_leader_info(packet);
    return true;
  }
  if (stage_ != Stage::AwaitPlan) return false;
  switch (packet.type) {
    case PacketType::Diff:
      on_diff(packet.zxid);
      return true;
    case PacketType::Trunc:
      on_trunc(packet.zxid);
      return true;
    case PacketType::Snap:
      on_snap();
      return true;
    default:
      return false;
  }
}

void Learner::on_leader_info(const QuorumPacket& packet) {
  const auto info = packet.data ? decode_leader_info(packet.data->view())
                                : Result<LeaderInfo>(make_error_code(CodecError::Malformed));
  if (info.has_error()) return misbehaved("malformed LEADERINFO");
  epoch_ = packet.zxid.epoch();
  leader_quorate_ = info->quorate;
  if (epoch_ < core_->accepted) return core_->leave_role("leader's epoch is older than promised");
  // A server without data knows no epoch to compare with.
  if (epoch_ >= kEpochEnd || (!core_->blank && !epoch_plausible(epoch_, core_->accepted))) {
    return misbehaved("epoch jumps too far");
  }
  if (core_->blank) {
    // Its promise counts for nothing; the epoch is stored when the server stops being blank.
    stage_ = Stage::AwaitPlan;
    return send_ack_epoch(/*promised_before=*/true);
  }
  if (epoch_ == core_->accepted) {
    REACHED("epoch accepted before");
    stage_ = Stage::AwaitPlan;
    return send_ack_epoch(/*promised_before=*/true);
  }
  stage_ = Stage::StoreEpoch;
  barrier_ = core_->write(StoreAcceptedEpoch{epoch_});
}

void Learner::send_ack_epoch(bool promised_before) {
  const Zxid last = core_->snapshot_needed ? kBlankZxid : core_->reported_zxid();
  reported_blank_ = last < Zxid{0};
  const auto current = static_cast<std::int32_t>(core_->current);
  core_->send(*link_,
              {PacketType::AckEpoch, last,
               encode_int(promised_before || reported_blank_ ? -1 : current), std::nullopt});
}

void Learner::on_diff(Zxid zxid) {
  if (reported_blank_) return misbehaved("DIFF for a server without history");
  diff_to_ = zxid;
  begin_plan();
}

void Learner::on_trunc(Zxid zxid) {
  if (reported_blank_) return misbehaved("TRUNC for a server without history");
  const bool cuts = zxid < core_->log.last();
  // R20: a cut that does not end exactly on what the leader named joins two histories.
  if (!cuts && zxid != core_->log.last()) return need_snapshot("TRUNC beyond own log");
  if (cuts && !core_->truncate(zxid)) return need_snapshot("TRUNC to a zxid not in own log");
  if (cuts) {
    REACHED("trunc");
    cut_ = true;
    REACHED("tail cut");
    core_->tell(EventKind::Truncated, leader_, zxid);
  }
  diff_to_ = zxid;
  begin_plan();
}

void Learner::on_snap() {
  // It serves clients from the tree that would be replaced: it starts over instead.
  if (handing_over_) return core_->leave_role("too far behind when the next epoch began");
  REACHED("snap");
  stage_ = Stage::Installing;
  core_->installing = link_;
}

void Learner::on_snapshot_installed(const SnapshotInstalled& installed) {
  if (!installed.ok) return core_->leave_role("SNAP could not be installed");
  if (stage_ != Stage::Installing || link_ != installed.link) return;
  snapshot_ = installed.zxid;
  snapshot_taken_ = true;
  begin_plan();
  deadline_ = core_->now + core_->ticks(core_->options.init_limit);
  auto held = std::exchange(held_, {});
  for (QuorumPacket& packet : held) {
    if (!core_->leave) handle(packet);
  }
}

void Learner::begin_plan() {
  stage_ = Stage::Plan;
  // All that the leader did not cut is part of its history; it counts as committed once the leader
  // is established, which UPTODATE says.
  marked_ = core_->log.last();
}

void Learner::on_proposal(QuorumPacket& packet) {
  if (!packet.data) return misbehaved("PROPOSAL without data");
  const Zxid zxid = packet.zxid;
  if (core_->log.follows(zxid)) {
    if (zxid.epoch() > epoch_) return misbehaved("PROPOSAL of a later epoch");
    if (stage_ == Stage::Plan && diff_to_ && !cut_) REACHED("diff window");
    if (stage_ == Stage::Plan && cut_) REACHED("trunc and pairs");
    plan_records_ = true;
    return core_->append({zxid, *std::move(packet.data)});
  }
  // A ZooKeeper leader's queue behind a SNAP may start before the tree's zxid (section 6.4).
  if (snapshot_taken_ && zxid <= snapshot_) return;
  // R15: the same once more is harmless, another under the same zxid is not.
  const LogRecord* known = core_->log.find(zxid);
  if (known != nullptr && known->bytes == *packet.data) return;
  misbehaved("PROPOSAL " + to_string(zxid) + " does not follow " + to_string(core_->log.last()));
}

void Learner::on_commit(Zxid zxid) {
  if (zxid <= marked_) return;  // Of a repeat, or of what the tree of a SNAP holds.
  const LogRecord* next = core_->log.next_after(marked_);
  if (next == nullptr || next->zxid != zxid) {
    return misbehaved("COMMIT " + to_string(zxid) + " is not the next one");
  }
  marked_ = zxid;
  if (up_to_date_) core_->log.commit(zxid);
}

/// An observer is told of what is committed, and only then.
void Learner::on_inform(QuorumPacket& packet) {
  if (!observer_) return misbehaved("INFORM for a follower");
  const Zxid zxid = packet.zxid;
  on_proposal(packet);
  if (!core_->leave) on_commit(zxid);
}

void Learner::on_activate(QuorumPacket& packet) {
  const auto said = packet.data ? decode_designated(packet.data->view())
                                : Result<Designated>(make_error_code(CodecError::Malformed));
  if (said.has_error()) return misbehaved(std::string("malformed ") + name_of(packet.type));
  designated_ = {packet.zxid, said->leader};
  if (packet.type == PacketType::CommitAndActivate) return on_commit(packet.zxid);
  const ByteView record = said->record;
  packet.data = SharedBytes(Bytes(record.begin(), record.end()));
  on_inform(packet);
}

/// After a reconfig: with another leader, or with another role, this one ends (section 14.6-8). A
/// server that is not named any more stays and follows without a vote.
void Learner::check_place() {
  const bool activated = designated_ && designated_->first <= core_->log.applied();
  if (activated && designated_->second != leader_) {
    REACHED("designated leader");
    return core_->follow_successor(designated_->second);
  }
  if (activated) designated_.reset();
  if (!core_->membership.changing() && core_->is_observer() != observer_) {
    core_->leave_role("a reconfig has changed this server's role");
  }
}

void Learner::on_new_leader(const QuorumPacket& packet) {
  const Zxid zxid = packet.zxid;
  if (stage_ != Stage::Plan || zxid != Zxid::make(epoch_, 0) || core_->current > epoch_) {
    return misbehaved("NEWLEADER of another epoch or out of place");
  }
  // A hole at the end of the plan would be found by nobody later (4925).
  if (diff_to_ && diff_to_->counter() != 0 && core_->log.last() < *diff_to_) {
    return misbehaved("plan ends before " + to_string(*diff_to_));
  }
  if (diff_to_ && !plan_records_ && !cut_) REACHED("diff empty");
  if (core_->options.reconfig_enabled && packet.data && !packet.data->view().empty()) {
    auto config = parse_config_text(as_text(packet.data->view()));
    if (!config) return misbehaved("NEWLEADER with an unreadable config: " + config.error().what);
    config_ = *std::move(config);
  }
  stage_ = Stage::StorePlan;
  acked_ = marked_;
  // R2: behind all records of the plan in the one queue of writes.
  if (core_->accepted < epoch_) core_->write(StoreAcceptedEpoch{epoch_});
  if (core_->current < epoch_ || core_->blank) core_->write(StoreCurrentEpoch{epoch_});
  barrier_ = core_->last_write();
}

void Learner::on_up_to_date() {
  if (stage_ != Stage::AwaitServing) return misbehaved("UPTODATE out of place");
  stage_ = Stage::UpToDate;
  up_to_date_ = true;
  handing_over_ = false;
  core_->snapshot_needed = false;
  deadline_ = core_->now + core_->ticks(core_->options.sync_limit);
  core_->log.commit(std::max(marked_, core_->log.committed()));
  marked_ = serve_from_ = core_->log.committed();
  if (snapshot_taken_ && !leader_quorate_) core_->fuzzy_until = core_->log.last();
  core_->vote.epoch = epoch_;
  if (config_) core_->adopt_config(*std::exchange(config_, std::nullopt), leader_quorate_);
  core_->send(*link_, PacketType::Ack, Zxid::make(epoch_, 0));
}

void Learner::on_sync() {
  if (syncs_asked_ == 0) return misbehaved("SYNC that was not asked for");
  --syncs_asked_;
  syncs_.push_back(core_->log.committed());
}

void Learner::on_ping(Zxid zxid) {
  if (stage_ != Stage::UpToDate) return;
  // Empty, never null: a ZooKeeper leader drops a learner that answers null.
  core_->send(*link_, {PacketType::Ping, zxid, SharedBytes(), std::nullopt});
}

void Learner::on_answer(const QuorumPacket& packet) {
  const auto answer = decode_answer(packet);
  if (answer.has_error()) return misbehaved("malformed REVALIDATE");
  core_->ready.revalidated.push_back(*answer);
}

void Learner::on_submit(Request request) {
  if (!core_->serving) return;
  if (request.op == kSyncOp) ++syncs_asked_;
  core_->send(*link_, encode_request(request));
}

void Learner::on_revalidate(const AskRevalidate& ask) {
  if (core_->serving) core_->send(*link_, encode_question({ask.session, ask.timeout_ms}));
}

void Learner::on_progress() {
  if (core_->leave || !link_) return;
  if (stage_ == Stage::StoreEpoch && core_->durable(barrier_)) {
    stage_ = Stage::AwaitPlan;
    send_ack_epoch(/*promised_before=*/false);
  }
  if (stage_ == Stage::StorePlan && core_->durable(barrier_)) {
    // R1: every record of the plan and the epoch are durable now.
    stage_ = Stage::AwaitServing;
    core_->send(*link_, PacketType::Ack, Zxid::make(epoch_, 0));
  }
  if (stage_ >= Stage::AwaitServing) send_acks();
  core_->emit_commits();
  if (up_to_date_) check_place();
  if (core_->leave) return;
  if (up_to_date_ && !core_->serving && core_->log.applied() >= serve_from_) {
    core_->serving = true;  // R10: only now, with all of the plan applied.
    core_->tell(EventKind::Serving, leader_, core_->log.committed());
  }
  while (!syncs_.empty() && syncs_.front() <= core_->log.applied()) {
    syncs_.pop_front();
    ++core_->ready.syncs_done;
  }
}

void Learner::send_acks() {
  while (const LogRecord* next = core_->log.next_after(acked_)) {
    if (next->zxid > core_->log.synced()) break;
    if (next->zxid <= core_->log.committed()) REACHED("ack after commit");
    acked_ = next->zxid;
    if (!observer_) core_->send(*link_, PacketType::Ack, acked_);
  }
}

void Learner::need_snapshot(const char* why) {
  core_->snapshot_needed = true;
  core_->tell(EventKind::SnapshotNeeded, leader_, core_->log.last(), why);
  core_->leave_role(why, /*penalty=*/true);
}

void Learner::misbehaved(std::string what) {
  core_->tell(EventKind::PeerMisbehaved, leader_, core_->log.last(), what);
  core_->leave_role(std::move(what), /*penalty=*/true);
}

void Learner::leave() {
  if (link_) {
    core_->close(*link_);
  } else {
    core_->ready.links.push_back(CancelOpen{leader_});
  }
}

void Learner::check() const {
  ENSURE(stage_ == Stage::Connecting || link_.has_value() || core_->leave.has_value());
  ENSURE(core_->serving == false || stage_ == Stage::UpToDate || handing_over_);
  ENSURE(stage_ < Stage::AwaitServing || core_->current == epoch_);
  ENSURE(stage_ < Stage::AwaitPlan || core_->blank || core_->accepted >= epoch_);
  ENSURE(stage_ < Stage::AwaitServing || acked_ <= core_->log.synced());
  ENSURE(!up_to_date_ || marked_ == core_->log.committed());
}

}  // namespace quorate::consensus
