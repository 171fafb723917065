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

Ensemble::Ensemble(std::vector<Member> members, std::int64_t version)
    : members_(std::move(members)), version_(version) {
  std::sort(members_.begin(), members_.end(),
            [](const Member& a, const Member& b) { return a.id < b.id; });
  for (std::size_t i = 0; i < members_.size(); ++i) {
    ENSURE(i == 0 || members_[i - 1].id != members_[i].id);
    if (!members_[i].observer) ++voter_count_;
  }
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

bool Ensemble::is_quorum(const std::vector<ServerId>& ids) const {
  std::size_t count = 0;
  for (const Member& member : members_) {
    if (member.observer) continue;
    if (std::find(ids.begin(), ids.end(), member.id) != ids.end()) ++count;
  }
  return count > voter_count_ / 2;
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
  return text + "version=" + plain_hex(version_);
}

}  // namespace quorate::consensus
