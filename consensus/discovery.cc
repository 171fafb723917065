#include "consensus/discovery.h"

#include <algorithm>

#include "base/ensure.h"

namespace quorate::consensus {

bool epoch_plausible(std::uint32_t epoch, std::uint32_t own_accepted) {
  return epoch < kEpochEnd && (epoch <= own_accepted || epoch - own_accepted <= kEpochJumpMax);
}

void Discovery::report(ServerId from, std::uint32_t accepted, bool counts) {
  if (epoch_) return;
  highest_ = std::max(highest_, accepted);
  if (counts) reported_.push_back(from);
  if (membership_->is_quorum(reported_)) {
    ENSURE(highest_ < kEpochEnd);
    epoch_ = highest_ + 1;
    if (*epoch_ > self_.accepted + 1) REACHED("epoch jump");
  }
}

void Discovery::promise_self() {
  promises_.push_back(self_.id);
  promised_ = membership_->is_quorum(promises_);
}

Discovery::Promise Discovery::promise(ServerId from, std::int32_t current, Zxid last) {
  // -1: promised before, perhaps to another leader of this number; it must not count twice.
  if (promised_) return Promise::NotCounted;
  if (current < 0 || last < Zxid{0}) {
    spent_.insert(from);
    return Promise::NotCounted;
  }
  const auto epoch = static_cast<std::uint32_t>(current);
  if (epoch > self_.current || (epoch == self_.current && last > self_.last)) {
    return Promise::MoreRecent;
  }
  promises_.push_back(from);
  promised_ = membership_->is_quorum(promises_);
  return Promise::Counted;
}

bool Discovery::possible(const std::set<ServerId>& gone) const {
  std::vector<ServerId> able = promises_;
  for (const ServerId voter : membership_->voters()) {
    const bool counted = std::find(able.begin(), able.end(), voter) != able.end();
    if (!counted && !spent_.contains(voter) && !gone.contains(voter)) able.push_back(voter);
  }
  return membership_->is_quorum(able);
}

}  // namespace quorate::consensus
