// What the keys of authentication may say, beside what their rows in config_table.cc check.
#pragma once

#include <optional>
#include <string>

#include "server/config/config.h"

namespace quorate::server {

struct AuthFault {
  const char* key;
  std::string what;
};

/// Checks `config.auth` and puts it into its final form: the name of the digest as libcrypto knows
/// it, the list of enforced schemes.
std::optional<AuthFault> settle_auth(AuthConfig& auth);

}  // namespace quorate::server
