#include "consensus/election.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "consensus/member_text.h"

namespace quorate::consensus {

void Election::on_tick() {
  start_if_ready();
  if (!active_ || decision_) return;
  if (settle_until_ && core_->now >= *settle_until_) return decide(vote_);
  if (core_->now < resend_at_) return;
  backoff_ms_ = std::min(backoff_ms_ * 2, core_->options.max_notification_ms);
  send_all();
}

void Election::start_if_ready() {
  if (active_ || !core_->started || !core_->drained() || core_->now < not_before_) return;
  active_ = true;
  restart();
  auto held = std::exchange(held_, {});
  for (const auto& [from, notification] : held) {
    if (!decision_) handle(from, notification);
  }
}

void Election::restart() {
  ++core_->round;
  received_.clear();
  settle_until_.reset();
  adopt(initial_vote());
}

Vote Election::initial_vote() const {
  if (!core_->may_lead()) return {kNobody, Zxid{kNobody.value}, kNobody.value, core_->round};
  return {core_->options.self, core_->reported_zxid(), core_->current, core_->round};
}

void Election::adopt(const Vote& vote) {
  vote_ = vote;
  vote_.round = core_->round;
  if (settle_until_) REACHED("vote changed in settling");
  settle_until_.reset();
  backoff_ms_ = core_->options.min_notification_ms;
  send_all();
  received_[core_->options.self] = {vote_, PeerState::Looking};
  count();
}

void Election::send_all() {
  resend_at_ = core_->now + backoff_ms_;
  for (const ServerId voter : core_->membership.voters()) {
    if (voter != core_->options.self) {
      core_->send_vote(voter, PeerState::Looking, vote_, core_->round);
    }
  }
}

void Election::on_links_changed() {
  if (active_ && !decision_) count();
}

void Election::on_notification(ServerId from, const Notification& n) {
  if (decision_) return;
  if (active_) return handle(from, n);
  if (core_->membership.is_voter(from)) held_.insert_or_assign(from, n);
}

void Election::handle(ServerId from, const Notification& n) {
  if (!core_->membership.is_voter(from)) {
    // Not counted, but told what we know: it may be looking for the ensemble.
    // Not each time: two that take one another for strangers would answer answers without end.
    auto& [told, at] = strangers_[from];
    if (n.state == PeerState::Looking &&
        (!told || core_->now - at >= core_->options.min_notification_ms)) {
      told = true;
      at = core_->now;
      core_->send_vote(from, PeerState::Looking, vote_, core_->round);
    }
    const bool settled = n.state == PeerState::Following || n.state == PeerState::Leading;
    if (core_->options.reconfig_enabled && settled && !decision_) on_established(from, n);
    return;
  }
  adopt_newer_config(n);
  note_fresh(from, n);
  // Who asks may know a config that has not come here, and prefer somebody who votes in that.
  if (decision_ || !(core_->options.reconfig_enabled || core_->membership.is_voter(n.leader)))
    return;
  switch (n.state) {
    case PeerState::Looking:
      return on_looking(from, vote_of(n));
    case PeerState::Following:
    case PeerState::Leading:
      return on_established(from, n);
    case PeerState::Observing:
      return;
  }
}

void Election::on_looking(ServerId from, const Vote& theirs) {
  if (theirs.round < core_->round) {
    if (supports()) core_->send_vote(from, PeerState::Looking, vote_, core_->round);
    return;
  }
  // A server without data has forgotten what it acknowledged: it must not count (R45).
  if (!supports() || theirs.zxid < Zxid{0}) return;
  if (theirs.round > core_->round) {
    core_->round = theirs.round;
    received_.clear();
    const Vote own = initial_vote();
    adopt(wins(theirs, own) ? theirs : own);
  } else if (wins(theirs, vote_)) {
    adopt(theirs);
  } else if (deaf_.contains(from)) {
    // It still followed when this vote came, and has begun to look since.
    REACHED("vote told again");
    core_->send_vote(from, PeerState::Looking, vote_, core_->round);
  }
  deaf_.erase(from);
  if (decision_) return;
  received_[from] = {theirs, PeerState::Looking};
  count();
}

void Election::on_established(ServerId from, const Notification& n) {
  const Vote theirs = vote_of(n);
  deaf_.insert(from);
  if (theirs.leader == core_->options.self && !counts()) return;
  if (counts() && theirs.round == core_->round) {
    received_[from] = {theirs, n.state};
    if (may_join(received_, theirs)) return decide(theirs);
  }
  out_of_election_[from] = {theirs, n.state};
  if (!may_join(out_of_election_, theirs)) return;
  REACHED("join established");
  core_->round = theirs.round;
  decide(theirs);
}

/// A quorum names this leader, and the leader itself says that it leads. Only leader and epoch are
/// compared: zxid and round inside the votes of an established ensemble are stale (R37).
bool Election::may_join(const Votes& votes, const Vote& theirs) const {
  std::vector<ServerId> same;
  for (const auto& [sid, heard] : votes) {
    if (heard.state != PeerState::Looking && heard.vote.leader == theirs.leader &&
        heard.vote.epoch == theirs.epoch) {
      same.push_back(sid);
    }
  }
  // A server that others follow already is itself part of that quorum.
  const bool self = theirs.leader == core_->options.self;
  if (self && theirs.round != core_->round) return false;
  if (self) same.push_back(core_->options.self);
  // One of the two configs will do: whom to follow is no decision yet, and a reconfig that only
  // this server knows is to be cut by the leader that the others have. Who knows the older one
  // alone follows whom that elects, and only this server can then lead: discovery needs both.
  const Membership& membership = core_->membership;
  if (!membership.current().is_quorum(same) && !membership.last_seen().is_quorum(same)) {
    return false;
  }
  if (self && !membership.is_quorum(same)) REACHED("leads for those who know no reconfig");
  if (self) return true;
  const auto leader = votes.find(theirs.leader);
  return leader != votes.end() && leader->second.state == PeerState::Leading;
}

void Election::count() {
  if (!counts() || decision_) return;
  std::vector<ServerId> alike;
  for (const auto& [sid, heard] : received_) {
    if (heard.vote == vote_) alike.push_back(sid);
  }
  // While a reconfig is under way the current config elects alone; discovery and sync, on which
  // safety rests, need both. A server whose vote the next config needs may not know that it has one
  // before it has followed; and a reconfig that only this server has may never come back.
  const Membership& membership = core_->membership;
  if (!membership.current().is_quorum(alike)) {
    settle_until_.reset();
    return;
  }
  if (!membership.is_quorum(alike)) REACHED("elected by the current config alone");
  // Late votes may still be better; the wait is bounded (R36), safety does not rest on it.
  if (!settle_until_) settle_until_ = core_->now + core_->options.min_notification_ms;
  // Whose last choice came to nothing waits: a reconfig that it does not know may count others in.
  if (!core_->chose_in_vain && all_agree()) decide(vote_);
}

bool Election::all_agree() const {
  for (const ServerId voter : core_->membership.voters()) {
    const auto heard = received_.find(voter);
    if (heard != received_.end() && heard->second.vote == vote_) continue;
    if (voter == core_->options.self || !core_->unreachable.contains(voter)) return false;
  }
  return true;
}

/// Section 3.2: a server that was away finds by the config of its time perhaps no quorum any more.
void Election::adopt_newer_config(const Notification& n) {
  if (!core_->options.reconfig_enabled || n.version < 2) return;
  if (n.config.empty() || n.config == core_->membership.text()) return;
  auto config = parse_config_text(n.config);
  if (!config || config->version() <= core_->membership.current().version()) return;
  const bool same = config->same_members(core_->membership.current());
  if (!core_->adopt_config(*std::move(config), /*committed=*/true) || same) return;
  REACHED("config learned from a vote");
  out_of_election_.clear();
  restart();
}

bool Election::wins(const Vote& a, const Vote& b) const {
  return core_->membership.weight(a.leader) > 0 && beats(a, b);
}

/// A fresh ensemble forms only when every voter is there and none has ever been part of anything;
/// so a replaced disk never helps to forget acknowledged writes.
void Election::note_fresh(ServerId from, const Notification& n) {
  if (!core_->blank || !active_ || !core_->votes()) return;
  if (n.state == PeerState::Looking && n.peer_epoch == 0 && n.zxid <= Zxid{0}) {
    fresh_.insert(from);
  } else {
    fresh_.erase(from);
  }
  fresh_.insert(core_->options.self);
  if (fresh_.size() < core_->membership.voters().size() || !core_->log.records().empty() ||
      core_->log.base() != Zxid{0}) {
    return;
  }
  REACHED("fresh ensemble");
  // No longer blank once this is durable: a crash in mid-formation must not leave servers behind
  // that count for nothing for ever. Voting begins after that.
  core_->write(StoreAcceptedEpoch{core_->accepted});
  core_->write(StoreCurrentEpoch{core_->current});
  active_ = false;
}

void Election::decide(const Vote& vote) {
  decision_ = vote;
  settle_until_.reset();
}

}  // namespace quorate::consensus
