#include "consensus/ensemble.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/ensure.h"

namespace quorate::consensus {
namespace {

/// An IPv6 address stands in brackets, or its colons would be taken for those before the ports.
std::string host_text(const std::string& host) {
  const bool bare_ipv6 = host.find(':') != std::string::npos && host.front() != '[';
  return bare_ipv6 ? "[" + host + "]" : host;
}

std::string plain_hex(std::int64_t value) {
  char text[16];
  const auto end =
      std::to_chars(text, text + sizeof text, static_cast<std::uint64_t>(value), 16).ptr;
  return {text, end};
}

}  // namespace

Ensemble::Ensemble(std::vector<Member> members, std::int64_t version, QuorumGroups groups)
    : members_(std::move(members)), groups_(std::move(groups)), version_(version) {
  std::sort(members_.begin(), members_.end(),
            [](const Member& a, const Member& b) { return a.id < b.id; });
  for (std::size_t i = 0; i < members_.size(); ++i) {
    ENSURE(i == 0 || members_[i - 1].id != members_[i].id);
    if (!members_[i].observer) ++voter_count_;
  }
  if (!hierarchical()) return;
  std::vector<ServerId> grouped;
  for (auto& [group, ids] : groups_.groups) {
    std::sort(ids.begin(), ids.end());
    grouped.insert(grouped.end(), ids.begin(), ids.end());
  }
  std::sort(grouped.begin(), grouped.end());
  ENSURE(std::adjacent_find(grouped.begin(), grouped.end()) == grouped.end());
  for (const Member& member : members_) {
    ENSURE(member.observer || std::binary_search(grouped.begin(), grouped.end(), member.id));
  }
  for (const ServerId id : grouped) ENSURE(find(id) != nullptr);
}

const Member* Ensemble::find(ServerId id) const {
  const auto found =
      std::lower_bound(members_.begin(), members_.end(), id,
                       [](const Member& member, ServerId wanted) { return member.id < wanted; });
  return found != members_.end() && found->id == id ? &*found : nullptr;
}

bool Ensemble::is_voter(ServerId id) const {
  const Member* member = find(id);
  return member != nullptr && !member->observer;
}

std::vector<ServerId> Ensemble::voters() const {
  std::vector<ServerId> ids;
  for (const Member& member : members_) {
    if (!member.observer) ids.push_back(member.id);
  }
  return ids;
}

std::int64_t Ensemble::weight(ServerId id) const {
  const auto found = groups_.weights.find(id);
  return found == groups_.weights.end() ? 1 : found->second;
}

bool Ensemble::is_quorum(const std::vector<ServerId>& ids) const {
  const auto holds = [&](ServerId id) {
    return is_voter(id) && std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  if (!hierarchical()) {
    std::size_t count = 0;
    for (const Member& member : members_) count += holds(member.id) ? 1 : 0;
    return count > voter_count_ / 2;
  }
  std::size_t counted = 0;
  std::size_t won = 0;
  for (const auto& [group, servers] : groups_.groups) {
    std::int64_t total = 0;
    std::int64_t held = 0;
    for (const ServerId id : servers) {
      if (!is_voter(id)) continue;
      total += weight(id);
      if (holds(id)) held += weight(id);
    }
    if (total == 0) continue;
    ++counted;
    if (held > total / 2) ++won;
  }
  return won > counted / 2;
}

std::string Ensemble::text() const {
  std::string text;
  for (const Member& member : members_) {
    text += "server." + std::to_string(member.id.value) + '=' + host_text(member.host) + ':' +
            std::to_string(member.quorum_port) + ':' + std::to_string(member.election_port) +
            (member.observer ? ":observer" : ":participant");
    if (!member.client_address.empty()) text += ';' + member.client_address;
    text += '\n';
  }
  for (const auto& [group, ids] : groups_.groups) {
    text += "group." + std::to_string(group) + '=';
    for (std::size_t i = 0; i < ids.size(); ++i) {
      text += (i == 0 ? "" : ":") + std::to_string(ids[i].value);
    }
    text += '\n';
  }
  if (hierarchical()) {
    for (const Member& member : members_) {
      if (member.observer && !groups_.weights.contains(member.id)) continue;
      text += "weight." + std::to_string(member.id.value) + '=' +
              std::to_string(weight(member.id)) + '\n';
    }
  }
  return text + "version=" + plain_hex(version_);
}

}  // namespace quorate::consensus
