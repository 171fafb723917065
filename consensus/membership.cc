#include "consensus/membership.h"

#include <algorithm>
#include <utility>

namespace quorate::consensus {
namespace {

std::vector<ServerId> in_order(std::vector<ServerId> ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

}  // namespace

bool Membership::is_quorum(const std::vector<ServerId>& ids) const {
  return current_.is_quorum(ids) && (!next_ || next_->is_quorum(ids));
}

bool Membership::is_voter(ServerId id) const {
  return current_.is_voter(id) || (next_ && next_->is_voter(id));
}

bool Membership::is_member(ServerId id) const {
  return current_.find(id) != nullptr || (next_ && next_->find(id) != nullptr);
}

std::vector<ServerId> Membership::voters() const {
  std::vector<ServerId> ids = current_.voters();
  if (!next_) return ids;
  const auto more = next_->voters();
  ids.insert(ids.end(), more.begin(), more.end());
  return in_order(std::move(ids));
}

std::vector<ServerId> Membership::members() const {
  std::vector<ServerId> ids;
  for (const Member& member : current_.members()) ids.push_back(member.id);
  if (next_) {
    for (const Member& member : next_->members()) ids.push_back(member.id);
  }
  return in_order(std::move(ids));
}

std::int64_t Membership::weight(ServerId id) const {
  return last_seen().weight(id);
}

void Membership::see(Ensemble next) {
  next_ = std::move(next);
}

void Membership::activate() {
  if (next_) replace(*std::exchange(next_, std::nullopt));
}

void Membership::forget() {
  next_.reset();
}

void Membership::replace(Ensemble current) {
  next_.reset();
  replace_current(std::move(current));
}

void Membership::replace_current(Ensemble current) {
  current_ = std::move(current);
  text_ = current_.text();
}

}  // namespace quorate::consensus
