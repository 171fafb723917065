#include "consensus/following.h"

#include <algorithm>

#include "base/ensure.h"

namespace quorate::consensus {

Following::Following(const Core& core)
    : core_(&core),
      patient_until_(core.now + core.connect_ms()),
      ask_at_(core.now + core.options.min_notification_ms),
      pause_ms_(core.options.min_notification_ms) {}

void Following::note(ServerId from, const Notification& n) {
  elsewhere_.insert_or_assign(from, Said{vote_of(n), n.state, core_->now});
}

bool Following::time_to_ask() {
  if (core_->now < ask_at_) return false;
  pause_ms_ = std::min(pause_ms_ * 2, std::max(core_->connect_ms(), pause_ms_));
  ask_at_ = core_->now + pause_ms_;
  return true;
}

const char* Following::lost(const std::vector<ServerId>& here) const {
  // The current config elects; its quorum here is on its way, whatever anybody says.
  const Ensemble& config = core_->membership.current();
  if (config.is_quorum(here)) return nullptr;
  if (another_leads()) {
    REACHED("another has been established");
    return "another server leads a quorum";
  }
  // As long as a learner tries to connect, it may have looked when it said so.
  if (core_->now <= patient_until_) return nullptr;
  std::vector<ServerId> possible = here;
  for (const ServerId voter : core_->membership.voters()) {
    const bool counted = std::find(here.begin(), here.end(), voter) != here.end();
    if (!counted && may_still_come(voter)) possible.push_back(voter);
  }
  if (config.is_quorum(possible)) return nullptr;
  REACHED("elected in vain");
  return "its voters have chosen again";
}

/// As Election::may_join has it: a quorum names that leader, and it says itself that it leads.
bool Following::another_leads() const {
  for (const auto& [leader, said] : elsewhere_) {
    if (said.state != PeerState::Leading || said.vote.leader != leader) continue;
    std::vector<ServerId> same;
    for (const auto& [sid, other] : elsewhere_) {
      if (other.state != PeerState::Looking && other.vote.leader == leader &&
          other.vote.epoch == said.vote.epoch) {
        same.push_back(sid);
      }
    }
    const Membership& membership = core_->membership;
    if (membership.current().is_quorum(same) || membership.last_seen().is_quorum(same)) return true;
  }
  return false;
}

bool Following::may_still_come(ServerId sid) const {
  if (core_->unreachable.contains(sid)) return false;
  const auto said = elsewhere_.find(sid);
  return said == elsewhere_.end() || said->second.at <= patient_until_ ||
         !follows_another(said->second);
}

/// Or will: a vote of a later round is not changed by one of ours, and a server without data waits
/// for an ensemble that serves (R45).
bool Following::follows_another(const Said& said) const {
  if (said.state != PeerState::Looking) return said.vote.leader != core_->options.self;
  if (said.vote.zxid < Zxid{0}) return true;
  if (said.vote.round != core_->vote.round) return said.vote.round > core_->vote.round;
  return said.vote.leader != core_->options.self;
}

}  // namespace quorate::consensus
