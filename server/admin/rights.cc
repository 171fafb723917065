#include "server/admin/rights.h"

#include <optional>
#include <string_view>

#include "znode/acl.h"
#include "znode/acl_table.h"
#include "znode/node.h"

namespace quorate::server {
namespace {

/// Nothing: not proved.
std::optional<znode::Identities> identities_of(const AdminCaller& caller,
                                               const znode::AuthOptions& options) {
  const std::string_view text = caller.authorization;
  const std::size_t blank = text.find(' ');
  Buffer data;
  if (blank != std::string_view::npos) {
    const std::string_view rest = text.substr(blank + 1);
    if (rest.empty() || rest.find(' ') != std::string_view::npos) return std::nullopt;
    data = std::string(rest);
  }
  const std::string scheme(text.substr(0, blank));
  // The address counts for who names its scheme, as in ZooKeeper.
  znode::Identities proved;
  if (scheme == "ip") proved = znode::first_identities(options, caller.address, {});
  if (znode::authenticate(options, scheme, data, proved)) return std::nullopt;
  return proved;
}

bool may_do_all(const AclList& list, const znode::Identities& identities) {
  for (const std::int32_t bit :
       {perm::kRead, perm::kWrite, perm::kCreate, perm::kDelete, perm::kAdmin}) {
    if (!znode::permits(list, identities, bit)) return false;
  }
  return true;
}

}  // namespace

Admission admission_of(const AdminCaller& caller, const znode::AuthOptions& options, bool skip_acl,
                       const znode::DataTree& tree) {
  const auto identities = identities_of(caller, options);
  if (!identities) return Admission::NotAuthenticated;
  const AclList& list = tree.acls().list(tree.find("/")->acl());
  return skip_acl || may_do_all(list, *identities) ? Admission::Allowed : Admission::NotAuthorized;
}

}  // namespace quorate::server
