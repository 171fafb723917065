#include "consensus/proposal_tracker.h"

#include <algorithm>

#include "base/ensure.h"

namespace quorate::consensus {

void ProposalTracker::add(Zxid zxid) {
  ENSURE(open_.empty() || zxid == open_.back().zxid.next());
  open_.push_back({zxid, std::vector<bool>(voters_.size()), 0});
}

void ProposalTracker::ack(Zxid zxid, ServerId from) {
  if (open_.empty() || zxid < open_.front().zxid || zxid > open_.back().zxid) return;
  const auto voter = std::lower_bound(voters_.begin(), voters_.end(), from);
  if (voter == voters_.end() || *voter != from) return;
  Open& open = open_[static_cast<std::size_t>(zxid.value - open_.front().zxid.value)];
  ENSURE(open.zxid == zxid);
  const auto at = static_cast<std::size_t>(voter - voters_.begin());
  if (open.acked[at]) return;
  open.acked[at] = true;
  ++open.count;
}

std::optional<Zxid> ProposalTracker::take_committed() {
  if (open_.empty() || open_.front().count <= voters_.size() / 2) return std::nullopt;
  const Zxid zxid = open_.front().zxid;
  open_.pop_front();
  return zxid;
}

}  // namespace quorate::consensus
