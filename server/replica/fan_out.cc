#include "server/replica/fan_out.h"

#include <algorithm>
#include <utility>

#include "znode/acl.h"

namespace quorate::server {

void FanOut::add(Bytes frame, std::shared_ptr<const AclList> acl, std::vector<ConnectionId> to) {
  std::sort(to.begin(), to.end());
  Broadcast broadcast;
  broadcast.number = ++newest_;
  broadcast.frame = std::move(frame);
  broadcast.acl = std::move(acl);
  broadcast.to = std::move(to);
  if (broadcast.acl) {
    broadcast.may_see = znode::permits(*broadcast.acl, broadcast.asked, perm::kRead);
  }
  queue_.push_back(std::move(broadcast));
}

bool FanOut::may_see(Broadcast& broadcast, const znode::Identities& identities) {
  if (!broadcast.acl) return true;
  if (identities != broadcast.asked) {
    broadcast.asked = identities;
    broadcast.may_see = znode::permits(*broadcast.acl, identities, perm::kRead);
  }
  return broadcast.may_see;
}

bool FanOut::is_for(const Broadcast& broadcast, ConnectionId id) {
  return std::binary_search(broadcast.to.begin() + static_cast<std::ptrdiff_t>(broadcast.next),
                            broadcast.to.end(), id);
}

}  // namespace quorate::server
