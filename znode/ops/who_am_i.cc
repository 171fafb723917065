// whoAmI: what a connection has proved about itself (spec: client-protocol 12).
#include "znode/ops/table.h"

namespace quorate::znode {
namespace {

/// As shown to a user: of digest the name alone, never the hash; of the super user nothing.
std::string_view shown_user(const AuthId& identity) {
  const std::string_view id = identity.id;
  if (identity.scheme == "digest") return id.substr(0, id.find(':'));
  if (identity.scheme == "super") return {};
  return id;
}

Code read_identities(const ReadContext& context, JuteReader&, JuteWriter& out) {
  const Identities& identities = context.caller.identities;
  out.i32(static_cast<std::int32_t>(identities.size()));
  for (const AuthId& identity : identities) {
    out.string(identity.scheme);
    out.string(shown_user(identity));
  }
  return Code::Ok;
}

}  // namespace

constinit const OpSpec kWhoAmI = {.info = {OpCode::WhoAmI, "whoAmI", OpKind::Read},
                                  .read = read_identities};

}  // namespace quorate::znode
