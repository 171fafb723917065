// Leading, seen from one learner's link: who it is, its plan, its acknowledgements.
#include <algorithm>
#include <string>
#include <utility>

#include "base/ensure.h"
#include "consensus/leader.h"
#include "consensus/sync_plan.h"

namespace quorate::consensus {
namespace {

constexpr std::size_t kUnnamedMax = 64;  // Links that have not said who they are.
constexpr std::int32_t kProtocolMajor = 1;

}  // namespace

void Leader::on_accepted(LinkId link) {
  const auto unnamed = std::count_if(learners_.begin(), learners_.end(), [](const auto& item) {
    return item.second.stage == Stage::Connected;
  });
  if (static_cast<std::size_t>(unnamed) >= kUnnamedMax) return core_->close(link);
  Entry entry;
  entry.heard = core_->now;
  learners_.emplace(link, std::move(entry));
}

void Leader::on_link_down(LinkId link) {
  const auto found = learners_.find(link);
  if (found == learners_.end()) return;
  if (found->second.stage != Stage::Connected) {
    core_->tell(EventKind::LearnerLost, found->second.sid, found->second.last, "link ended");
  }
  learners_.erase(found);
  hold_log();
}

void Leader::drop(LinkId link, std::string why, bool misbehaved) {
  const auto found = learners_.find(link);
  if (found == learners_.end()) return;
  const ServerId sid = found->second.sid;
  if (misbehaved) core_->tell(EventKind::PeerMisbehaved, sid, found->second.last, why);
  core_->tell(EventKind::LearnerLost, sid, found->second.last, std::move(why));
  core_->close(link);
  learners_.erase(found);
  hold_log();
}

void Leader::on_packet(LinkId link, const QuorumPacket& packet) {
  const auto found = learners_.find(link);
  if (found == learners_.end() || core_->leave) return;
  Entry& entry = found->second;
  entry.heard = core_->now;
  switch (packet.type) {
    case PacketType::FollowerInfo:
    case PacketType::ObserverInfo:
      if (entry.stage == Stage::Connected) return on_info(link, entry, packet);
      break;
    case PacketType::AckEpoch:
      if (entry.stage == Stage::Informed) return on_ack_epoch(link, entry, packet);
      break;
    case PacketType::Ack:
      if (entry.stage >= Stage::Syncing) return on_ack(link, entry, packet.zxid);
      if (handing_over_) return;  // Of what is committed.
      break;
    case PacketType::Ping:
    case PacketType::Request:
    case PacketType::Revalidate:
      if (entry.stage >= Stage::Syncing || handing_over_) {
        return on_learner_traffic(link, entry, packet);
      }
      break;
    default:
      // Of a learner that is known a type of a later version costs nothing; whoever begins with one
      // is no learner.
      if (name_of(packet.type) != name_of(static_cast<PacketType>(0))) break;
      if (entry.stage != Stage::Connected) return;
      return drop(link, "unexpected packet type " + std::to_string(static_cast<int>(packet.type)),
                  true);
  }
  drop(link, std::string("unexpected ") + name_of(packet.type), true);
}

void Leader::on_info(LinkId link, Entry& entry, const QuorumPacket& packet) {
  const auto info = packet.data ? decode_learner_info(packet.data->view())
                                : Result<LearnerInfo>(make_error_code(CodecError::Malformed));
  if (info.has_error()) return drop(link, std::string("malformed ") + name_of(packet.type), true);
  const Membership& membership = core_->membership;
  // With reconfig a server may come first and be named by a config afterwards: until then it counts
  // for nothing.
  const bool welcome = core_->options.reconfig_enabled || membership.is_member(info->sid);
  if (!welcome || info->sid == core_->options.self || info->sid < ServerId{0}) {
    return drop(link, "not a member: server " + to_string(info->sid), true);
  }
  const bool observer = packet.type == PacketType::ObserverInfo;
  if (info->protocol_version >> 16 != kProtocolMajor) {
    return drop(link,
                "speaks version " + std::to_string(info->protocol_version) + " of the protocol",
                true);
  }
  if (lives(info->sid)) {
    return drop(link, "server " + to_string(info->sid) +
                          " is connected already; do two servers have this id?");
  }
  entry.sid = info->sid;
  entry.observer = observer;
  entry.quorate = info->quorate;
  entry.without_vote = info->without_vote;
  if (info->config_version > membership.last_seen().version()) {
    return drop(link, "has a newer config");
  }
  const std::uint32_t accepted = packet.zxid.epoch();
  if (!epoch_plausible(accepted, std::max(core_->accepted, epoch_))) {
    return drop(link, "epoch " + std::to_string(accepted) + " jumps too far", true);
  }
  replace_older(link, info->sid);
  entry.stage = Stage::Reported;
  following_.forget(info->sid);
  discovery_.report(info->sid, accepted, /*counts=*/!info->blank && !info->without_vote);
  const auto fixed = discovery_.epoch();
  if (fixed && accepted > *fixed && membership.is_voter(info->sid)) {
    // It could not follow us before there is a greater epoch: begin one.
    REACHED("voter has promised a newer epoch");
    return core_->leave_role("server " + to_string(info->sid) + " has promised a newer epoch");
  }
  if (phase_ >= Phase::Promises) inform(link, entry);
}

/// A synced learner answers a PING twice in a tick. Who comes under its id meanwhile is another
/// server: let in, the two would replace each other for ever, and an ACK of one would count for the
/// other's disk. A server whose old link is only half closed waits a tick.
bool Leader::lives(ServerId sid) const {
  return std::any_of(learners_.begin(), learners_.end(), [&](const auto& item) {
    const Entry& entry = item.second;
    return entry.sid == sid && entry.stage == Stage::Synced &&
           core_->now - entry.heard <= core_->ticks(1);
  });
}

/// R44: never two channels of one server; the newer one is the living one.
void Leader::replace_older(LinkId link, ServerId sid) {
  for (const auto& [other, entry] : learners_) {
    if (other == link || entry.stage == Stage::Connected || entry.sid != sid) continue;
    REACHED("newer link replaces");
    return drop(other, "replaced by a newer link");
  }
}

void Leader::inform(LinkId link, Entry& entry) {
  entry.stage = Stage::Informed;
  core_->send(link, {PacketType::LeaderInfo, Zxid::make(epoch_, 0), encode_leader_info(), {}});
}

void Leader::on_ack_epoch(LinkId link, Entry& entry, const QuorumPacket& packet) {
  const auto current = packet.data ? decode_int(packet.data->view())
                                   : Result<std::int32_t>(make_error_code(CodecError::Malformed));
  if (current.has_error()) return drop(link, "malformed ACKEPOCH", true);
  const std::int32_t counted = entry.without_vote ? -1 : *current;
  if (discovery_.promise(entry.sid, counted, packet.zxid) == Discovery::Promise::MoreRecent) {
    return drop(link, "its history is newer than ours");
  }
  if (phase_ == Phase::Promises && !discovery_.promised() &&
      !discovery_.possible(core_->unreachable)) {
    // Whoever crashed behind its promise has spent it: the next epoch is free.
    REACHED("promises are spent");
    return core_->leave_role("too many have promised this epoch before");
  }
  entry.last = packet.zxid;
  entry.stage = Stage::Promised;
  if (phase_ >= Phase::Synchronising) begin_sync(link, entry);
}

/// Until a leader is established its plans end with its initial history, which is committed by the
/// same acknowledgements that establish it. Afterwards they end with what is committed (R11).
Zxid Leader::plan_point() const {
  return established() ? core_->log.committed() : core_->log.last();
}

void Leader::begin_sync(LinkId link, Entry& entry) {
  const LogView& log = core_->log;
  // The plan ends with what is committed. A learner that has lost its link may have logged and
  // acknowledged more; TRUNC or SNAP takes that from its disk, so its word for it is void.
  tracker_.forget(entry.sid);
  const SyncPlan plan =
      choose_plan({entry.last, plan_point(), log.applied(), log.base(), log.records()});
  core_->tell(EventKind::LearnerSyncing, entry.sid, entry.last, name_of(plan.kind));
  if (plan.kind == SyncPlan::Kind::Snap) {
    entry.stage = Stage::Transferring;
    entry.applied_at_transfer = log.applied();
    hold_log();
    core_->ready.transfers.push_back({link, entry.sid});
    return;
  }
  const bool diff = plan.kind == SyncPlan::Kind::Diff;
  core_->send(link, diff ? PacketType::Diff : PacketType::Trunc, plan.zxid);
  send_history(link, entry, plan.send_after);
}

void Leader::on_transfer_done(const TransferDone& done) {
  const auto found = learners_.find(done.link);
  if (found == learners_.end() || found->second.stage != Stage::Transferring) return;
  Entry& entry = found->second;
  if (!done.ok) return drop(done.link, "transfer failed");
  ENSURE(done.zxid >= entry.applied_at_transfer);
  ENSURE(done.zxid <= core_->log.applied());
  if (done.zxid < core_->log.last()) REACHED("snap with writes meanwhile");
  entry.heard = core_->now;
  send_history(done.link, entry, done.zxid);
  hold_log();
}

/// R9, R14: everything behind the plan's start, then NEWLEADER; from here on all live traffic.
void Leader::send_history(LinkId link, Entry& entry, Zxid after) {
  const LogView& log = core_->log;
  const Zxid point = plan_point();
  ENSURE(after >= log.base());
  for (std::size_t i = log.index_after(after); i < log.records().size(); ++i) {
    const LogRecord& record = log.records()[i];
    if (entry.observer && record.zxid > point) break;  // Comes as INFORM.
    core_->send(link, {PacketType::Proposal, record.zxid, record.bytes, std::nullopt});
    if (record.zxid <= point) {
      core_->send(link, PacketType::Commit, record.zxid);
    } else if (!entry.observer) {
      entry.unacked.push_back({record.zxid, core_->now});
    }
  }
  // What is not committed yet the learner has in its plan, where COMMITANDACTIVATE finds it.
  const Membership& membership = core_->membership;
  const std::string config =
      established() ? membership.current().text() : membership.last_seen().text();
  const auto text = as_bytes(config);
  core_->send(link, {PacketType::NewLeader, Zxid::make(epoch_, 0),
                     SharedBytes(Bytes(text.begin(), text.end())), std::nullopt});
  entry.stage = Stage::Syncing;
}

void Leader::broadcast_proposal(const LogRecord& record) {
  for (auto& [link, entry] : learners_) {
    if (!forwards(entry) || entry.observer) continue;
    core_->send(link, {PacketType::Proposal, record.zxid, record.bytes, std::nullopt});
    entry.unacked.push_back({record.zxid, core_->now});
  }
}

void Leader::broadcast_commit(const LogRecord& record) {
  for (auto& [link, entry] : learners_) {
    if (!forwards(entry)) continue;
    if (entry.observer) {
      core_->send(link, {PacketType::Inform, record.zxid, record.bytes, std::nullopt});
    } else {
      core_->send(link, PacketType::Commit, record.zxid);
    }
  }
}

void Leader::on_ack(LinkId link, Entry& entry, Zxid zxid) {
  if (zxid.counter() == 0) {
    // A second one follows UPTODATE; one of another epoch never counts (4685).
    if (entry.stage == Stage::Syncing && zxid == Zxid::make(epoch_, 0)) {
      on_new_leader_ack(link, entry);
    }
    return;
  }
  while (!entry.unacked.empty() && entry.unacked.front().zxid <= zxid) entry.unacked.pop_front();
  if (entry.stage == Stage::Synced) return tracker_.ack(zxid, entry.sid);
  // Learners of old releases acknowledge before NEWLEADER's ACK. Its log has the record but would
  // still vote with the old epoch, and could lose to a log without it: not to be counted yet (R5).
  REACHED("ack before the NEWLEADER ack");
  if (entry.early_acks.size() < core_->options.outstanding_max) entry.early_acks.push_back(zxid);
}

void Leader::on_new_leader_ack(LinkId link, Entry& entry) {
  entry.stage = Stage::Synced;
  for (Sent& sent : entry.unacked) sent.at = core_->now;
  core_->tell(EventKind::LearnerSynced, entry.sid, entry.last);
  if (established()) core_->send(link, PacketType::UpToDate, kBlankZxid);
  for (const Zxid zxid : std::exchange(entry.early_acks, {})) tracker_.ack(zxid, entry.sid);
}

void Leader::on_learner_traffic(LinkId link, Entry& entry, const QuorumPacket& packet) {
  if (packet.type == PacketType::Ping) {
    if (entry.pings_answered < entry.pings) ++entry.pings_answered;
    if (!packet.data) return;
    auto touches = decode_touches(packet.data->view());
    if (touches.has_error()) return drop(link, "malformed PING", true);
    if (!touches->empty()) core_->ready.touches.push_back({entry.sid, std::move(*touches)});
    return;
  }
  if (!core_->serving) return drop(link, "request before UPTODATE", true);
  if (packet.type == PacketType::Revalidate) {
    const auto question = decode_question(packet);
    if (question.has_error()) return drop(link, "malformed REVALIDATE", true);
    supersede(link, question->session);
    core_->ready.revalidations.push_back({link, *question});
    return;
  }
  auto request = decode_request(packet);
  if (request.has_error()) return drop(link, "malformed REQUEST", true);
  if (waiting_.size() >= core_->options.outstanding_max) {
    REACHED("request queue overflows");
    return drop(link, "too many requests");
  }
  request->origin = link;
  waiting_.push_back(std::move(*request));
}

/// What is still waiting came by a connection that has ended. The session may have written through
/// another server since, and becomes this link's again before these are prepared (hazard R59).
void Leader::supersede(LinkId link, SessionId session) {
  auto mark = [&](Request& request) {
    if (request.origin != link || request.session != session) return;
    request.superseded = true;
    REACHED("request of a connection that its session has left and come back to");
  };
  for (Request& request : waiting_) mark(request);
  for (Request& request : core_->ready.requests) mark(request);
}

void Leader::on_answer(const AnswerRevalidate& answer) {
  if (!learners_.contains(answer.link)) return;
  if (!answer.valid) REACHED("session revalidate false");
  core_->send(answer.link, encode_answer({answer.session, answer.valid}));
}

/// Records that a running transfer will need must outlive their place in the window.
void Leader::hold_log() {
  std::optional<Zxid> from;
  for (const auto& [link, entry] : learners_) {
    if (entry.stage != Stage::Transferring) continue;
    from = std::min(from.value_or(entry.applied_at_transfer), entry.applied_at_transfer);
  }
  core_->log.hold_from(from);
}

/// Both directions must fail within their limit (R49): silence is one, missing ACKs the other.
void Leader::watch_learners() {
  std::vector<std::pair<LinkId, const char*>> gone;
  const std::int64_t sync_ms = core_->ticks(core_->options.sync_limit);
  for (const auto& [link, entry] : learners_) {
    if (entry.stage == Stage::Transferring) continue;  // The driver watches the stream.
    const bool live = established() && entry.stage == Stage::Synced;
    const std::int64_t limit = live ? sync_ms : core_->ticks(core_->options.init_limit);
    if (core_->now - entry.heard > limit) {
      gone.emplace_back(link, "silent");
    } else if (live && !entry.unacked.empty() && core_->now - entry.unacked.front().at > sync_ms) {
      REACHED("slow learner dropped");
      gone.emplace_back(link, "too slow to acknowledge");
    }
  }
  for (const auto& [link, why] : gone) drop(link, why);
}

void Leader::ping(LinkId link, Entry& entry) {
  if (established()) {  // Before UPTODATE it is not answered.
    ++entry.pings;
    // It came after the round had begun: its next answer will do.
    if (round_ != round_confirmed_ && entry.confirms_at == 0) entry.confirms_at = entry.pings;
  }
  core_->send(link, PacketType::Ping, core_->log.last());
}

void Leader::ping_all() {
  for (auto& [link, entry] : learners_) {
    if (entry.stage == Stage::Synced) ping(link, entry);
  }
}

}  // namespace quorate::consensus
