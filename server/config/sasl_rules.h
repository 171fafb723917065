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

struct JaasFile {
  std::string path;
  std::string text;
};

/// Takes the users of section `sasl.section`, or the key that Kerberos gave this server. A file
/// without that section is no fault: there is no login then.
std::optional<ConfigFault> read_jaas_users(SaslConfig& sasl, const JaasFile& file,
                                           std::vector<ConfigNotice>& notices);
/// What to say about a file without that section.
std::string no_users_text(const SaslConfig& sasl, const std::string& path);

/// Takes name and password of this server, and those of the servers that log in to it, from the two
/// sections that `auth` names.
std::optional<ConfigFault> read_jaas_servers(QuorumAuthConfig& auth, const JaasFile& file,
                                             std::vector<ConfigNotice>& notices);

/// Which keys of quorum.auth.* need which others. A fault has no line.
std::optional<ConfigFault> settle_quorum_auth(const QuorumAuthConfig& auth);

/// One authProvider.X line: switches on the scheme of the class that it names. False: the class is
/// none that this server knows.
bool take_auth_provider(AuthConfig& auth, const std::string& class_name);

}  // namespace quorate::server
