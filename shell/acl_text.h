// Access control lists as text: "scheme:id:perms,...".
#pragma once

#include <string>
#include <vector>

#include "quorate/types.h"
#include "shell/json.h"

namespace quorate::shell {

struct ParsedAcl {
  client::AclList acl;
  std::vector<std::string> faults;  ///< In zkCli's words; what they are about was left out.
};

/// Splits at commas, then at the first and last colon. An id may hold commas only in its
/// "scheme:id:perms" form's own entry, which is why entries without two colons are told.
ParsedAcl parse_acl(const std::string& text);

/// "cdrwa", in that order; bits that have no letter are left out.
std::string perms_text(std::int32_t perms);
/// "scheme:id:perms".
std::string acl_text(const client::Acl& acl);
/// zkCli's two lines for each entry.
std::string acl_lines(const client::AclList& acl);
/// Whether a digest stands there without its hash, as servers show it to those who may not change
/// the list: set anew, it would let nobody in.
bool has_hidden_digest(const client::AclList& acl);
/// A list of "scheme:id:perms".
Json acl_json(const client::AclList& acl);

}  // namespace quorate::shell
