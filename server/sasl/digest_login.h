// DIGEST-MD5 by the Cyrus SASL library: the users of a JAAS file log in with their passwords.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "server/replica/sasl.h"

namespace quorate::server {

using SaslUsers = std::map<std::string, std::string, std::less<>>;  ///< Passwords by name.

/// Loads the library, once per process. Nothing, and why with the remedy in `fault`, when it or its
/// module cannot be used. Conversations must not outlive what this returns.
std::unique_ptr<SaslLogin> open_digest_login(SaslUsers users, std::string& fault);

}  // namespace quorate::server
