// DIGEST-MD5 by the Cyrus SASL library: the users of a JAAS file log in with their passwords, and a
// server with its own to the others.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "server/replica/sasl.h"
#include "server/sasl/digest_place.h"

namespace quorate::server {

using SaslUsers = std::map<std::string, std::string, std::less<>>;  ///< Passwords by name.

/// Where `users` log in. Loads the library, once per process. Nothing, and why with the remedy in
/// `fault`, when it or its module cannot be used. Conversations must not outlive what this returns.
std::unique_ptr<SaslLogin> open_digest_login(SaslUsers users, const DigestPlace& place,
                                             std::string& fault);

/// The other side: conversations that log in as `user`. Their first step wants no token and yields
/// the empty one that begins a login; LoggedIn is when the server has proved that it knows the
/// password, too. Otherwise as above.
std::unique_ptr<SaslLogin> open_digest_account(std::string user, std::string password,
                                               const DigestPlace& place, std::string& fault);

}  // namespace quorate::server
