// The second token of a DIGEST-MD5 login, taken apart (RFC 2831, section 2.1.2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/sasl/digest_place.h"

namespace quorate::server {

struct DigestResponse {
  DigestPlace place;
  std::string user, nonce, cnonce, uri, response;
  std::optional<std::string> authzid;  ///< Part of what is hashed; ZooKeeper gives it no meaning.

  /// In its plainest form: what was not understood is gone, what was left to a default is said.
  std::string text() const;
};

/// Nothing, and why in `fault`, where a server of ZooKeeper would refuse whatever the password is:
/// broken syntax, a directive that is missing or comes twice, another realm, host, charset or
/// protection than it has. It does not look at the count of a nonce, each of which is used once.
std::optional<DigestResponse> parse_digest_response(std::string_view token,
                                                    const DigestPlace& place, std::string& fault);

/// The value of one directive of a token that may have any others.
std::optional<std::string> digest_directive(std::string_view token, std::string_view name);

/// The first token of a server, byte for byte as ZooKeeper sends it, for this nonce.
std::string digest_challenge(std::string_view nonce, const DigestPlace& place);

}  // namespace quorate::server
