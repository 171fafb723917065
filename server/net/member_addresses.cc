#include "server/net/member_addresses.h"

namespace quorate::server {

std::vector<consensus::Member> known_members(const consensus::Membership& membership) {
  std::vector<consensus::Member> members = membership.current().members();
  for (const consensus::Member& one : membership.last_seen().members()) {
    if (membership.current().find(one.id) == nullptr) members.push_back(one);
  }
  return members;
}

}  // namespace quorate::server
