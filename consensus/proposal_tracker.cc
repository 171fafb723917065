#include "consensus/proposal_tracker.h"

#include <algorithm>
#include <bit>

#include "base/ensure.h"

namespace quorate::consensus {
namespace {

constexpr std::size_t kBits = 64;

}  // namespace

QuorumBits::QuorumBits(const Ensemble& ensemble, const std::vector<ServerId>& servers) {
  const auto fill = [&](const std::vector<ServerId>& ids, bool weighted) {
    Group group;
    if (weighted) group.weights.resize(servers.size());
    for (std::size_t i = 0; i < servers.size(); ++i) {
      if (!ensemble.is_voter(servers[i])) continue;
      if (std::find(ids.begin(), ids.end(), servers[i]) == ids.end()) continue;
      const std::int64_t weight = weighted ? ensemble.weight(servers[i]) : 1;
      group.members |= std::uint64_t{1} << i;
      group.total += weight;
      if (weighted) group.weights[i] = weight;
    }
    if (group.total > 0) groups_.push_back(std::move(group));
  };
  if (!ensemble.hierarchical()) fill(ensemble.voters(), false);
  for (const auto& [id, members] : ensemble.groups().groups) fill(members, true);
}

bool QuorumBits::majority(const Group& group, std::uint64_t set) {
  set &= group.members;
  if (group.weights.empty()) return std::popcount(set) > group.total / 2;
  std::int64_t held = 0;
  for (; set != 0; set &= set - 1) {
    held += group.weights[static_cast<std::size_t>(std::countr_zero(set))];
  }
  return held > group.total / 2;
}

bool QuorumBits::holds(std::uint64_t set) const {
  if (groups_.size() == 1) return majority(groups_.front(), set);
  std::size_t won = 0;
  for (const Group& group : groups_) won += majority(group, set) ? 1 : 0;
  return won > groups_.size() / 2;
}

ProposalTracker::ProposalTracker(const Membership& membership) {
  membership_changed(membership);
}

void ProposalTracker::membership_changed(const Membership& membership) {
  if (open_.empty()) {
    servers_.clear();
    rules_.clear();
    first_rule_ = 0;
  }
  for (const ServerId id : membership.voters()) {
    if (!bit(id)) servers_.push_back(id);
  }
  ENSURE(servers_.size() <= kBits);
  Rule rule;
  rule.emplace_back(membership.current(), servers_);
  if (membership.changing()) rule.emplace_back(membership.last_seen(), servers_);
  rules_.push_back(std::move(rule));
}

void ProposalTracker::membership_activated(const Membership& membership) {
  membership_changed(membership);
  const auto newest = first_rule_ + static_cast<std::uint32_t>(rules_.size()) - 1;
  for (Open& open : open_) open.rule = newest;
}

std::optional<std::size_t> ProposalTracker::bit(ServerId id) const {
  const auto found = std::find(servers_.begin(), servers_.end(), id);
  if (found == servers_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - servers_.begin());
}

void ProposalTracker::add(Zxid zxid) {
  ENSURE(open_.empty() || zxid == open_.back().zxid.next());
  open_.push_back({zxid, 0, first_rule_ + static_cast<std::uint32_t>(rules_.size()) - 1});
}

void ProposalTracker::ack(Zxid zxid, ServerId from) {
  if (open_.empty() || zxid < open_.front().zxid || zxid > open_.back().zxid) return;
  const auto position = bit(from);
  if (!position) return;
  Open& open = open_[static_cast<std::size_t>(zxid.value - open_.front().zxid.value)];
  ENSURE(open.zxid == zxid);
  open.acks |= std::uint64_t{1} << *position;
}

void ProposalTracker::forget(ServerId from) {
  const auto position = bit(from);
  if (!position) return;
  for (Open& open : open_) open.acks &= ~(std::uint64_t{1} << *position);
}

std::optional<Zxid> ProposalTracker::take_committed() {
  if (open_.empty()) return std::nullopt;
  const Open& head = open_.front();
  if (head.acks == 0) return std::nullopt;
  for (; first_rule_ < head.rule; ++first_rule_) rules_.pop_front();
  const Rule& rule = rules_.front();
  const bool all = std::all_of(rule.begin(), rule.end(),
                               [&](const QuorumBits& quorum) { return quorum.holds(head.acks); });
  if (!all) return std::nullopt;
  const Zxid zxid = head.zxid;
  open_.pop_front();
  return zxid;
}

ServerId ProposalTracker::most_advanced(const std::vector<ServerId>& candidates) const {
  ENSURE(!candidates.empty());
  ServerId best = candidates.front();
  std::size_t most = 0;
  for (const ServerId id : candidates) {
    const auto position = bit(id);
    std::size_t run = 0;
    while (position && run < open_.size() && (open_[run].acks >> *position & 1) != 0) ++run;
    if (run > most) {
      most = run;
      best = id;
    }
  }
  return best;
}

}  // namespace quorate::consensus
