// What the keys of SASL and the JAAS file behind them mean together.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/config/config.h"

namespace quorate::server {

/// The path in java.security.auth.login.config, whichever of Java's forms it has: a path, `=path`,
/// `file:path`.
std::string jaas_path(const std::string& value);

/// Takes the users of section `sasl.section` from `text`, the content of the file at `path`. A file
/// without that section is no fault: there is no login then, and `notices` say so.
std::optional<ConfigFault> read_jaas_users(SaslConfig& sasl, const std::string& path,
                                           const std::string& text,
                                           std::vector<ConfigNotice>& notices);

/// One authProvider.X line: switches on the scheme of the class that it names. False: the class is
/// none that this server knows.
bool take_auth_provider(AuthConfig& auth, const std::string& class_name);

}  // namespace quorate::server
