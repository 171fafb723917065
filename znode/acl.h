// Who may do what: matching of identities to lists (spec: tree-semantics 10).
#pragma once

#include "base/result.h"
#include "znode/op.h"
#include "znode/proto/types.h"

namespace quorate::znode {

/// Whether one of `identities` is granted one of the bits in `perms`. An empty list grants all;
/// the identity `super` passes everywhere.
bool permits(const AclList& list, const Identities& identities, std::int32_t perms);

/// The list as it is stored: duplicates removed, `auth` replaced by who the caller has proved to
/// be. Error: InvalidAcl for an empty list, a scheme that is unknown or switched off, a malformed
/// id, `auth` without identity.
Result<AclList> fixed_acl(const AclList& list, const Identities& identities,
                          const AclSchemes& schemes = {});

/// The list as it is shown to who may read but not administrate: digest hashes are masked.
AclList masked_acl(AclList list);

}  // namespace quorate::znode
