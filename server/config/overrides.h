// Settings from outside zoo.cfg: the environment and the command line. The names follow from the
// keys of the config table, so there is no second list.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quorate::server {

/// One setting that replaces what the file says. The command line wins over the environment, both
/// win over the file.
struct ConfigOverride {
  std::string key;  ///< As it would stand in zoo.cfg.
  std::string value;
  std::string where;  ///< For messages: "environment variable QUORATE_CFG_TICK_TIME".
};

/// "QUORATE_CFG_TICK_TIME" for tickTime: words in upper case, everything but letters and digits an
/// underscore.
std::string environment_name(std::string_view key);

/// Those of `entries` ("NAME=value") that speak to this server, in order of their precedence:
/// JVMFLAGS and SERVER_JVMFLAGS (their words -Dzookeeper.key=value, -Djute.maxbuffer and
/// -Djava.security.auth.login.config, as ZooKeeper's start script takes them), then QUORATE_CFG_...
/// . A variable with that prefix that is no key goes to `unknown`.
std::vector<ConfigOverride> environment_overrides(std::span<const std::string> entries,
                                                  std::vector<std::string>& unknown);

/// "-Dkey=value" or "-Dzookeeper.key=value". False when `argument` has not that form.
bool parse_override(std::string_view argument, ConfigOverride& into);

}  // namespace quorate::server
