// Who a connection is: what its address, its certificate and its auth packets prove (spec:
// client-protocol 12, tree-semantics 10).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "znode/op.h"
#include "znode/proto/types.h"

namespace quorate::znode {

struct AuthOptions {
  bool digest_enabled = true;              ///< DigestAuthenticationProvider.enabled
  std::string digest_algorithm = "SHA1";   ///< As OpenSSL knows it.
  std::string super_digest;                ///< "super:<hash>"; empty: nobody is super by password.
  std::string x509_super_user;             ///< Subject of a certificate; empty: nobody.
  std::vector<std::string> enforced = {};  ///< One of these schemes, or no operation at all.
  std::vector<std::string> sasl_super_users = {};  ///< Names that SASL proves; they are super, too.
};

/// What a connection is from its first byte: `ip:<address>`, and what its transport has proved.
/// The address is spelled as Java does: groups of IPv6 in full, IPv4 behind ::ffff: as IPv4.
Identities first_identities(const AuthOptions& options, std::string_view address,
                            const Identities& proved);

/// An auth packet: adds to `identities` what it proves, each once.
/// Error: AuthFailed for a scheme that cannot be used this way, or without data where it is needed.
ErrorCode authenticate(const AuthOptions& options, const std::string& scheme, const Buffer& auth,
                       Identities& identities);

/// A SASL login that has come to its end: adds `sasl:<name>`, and `super` where that name has it.
void add_sasl(const AuthOptions& options, std::string name, Identities& identities);

/// False when enforce.auth asks for a scheme that none of `identities` is of.
bool may_operate(const AuthOptions& options, const Identities& identities);
/// Whether SASL is among those schemes: then a login that fails is answered like having none.
bool requires_sasl(const AuthOptions& options);

/// "user:base64(hash of the whole text)", the user being all before the first colon. The algorithm
/// is one that has_digest() knows.
std::string digest_id(const std::string& algorithm, std::string_view text);
bool has_digest(const std::string& algorithm);

/// Whether `text` is the subject of a certificate in the form of RFC 2253, as Java reads it.
bool is_distinguished_name(std::string_view text);

}  // namespace quorate::znode
