// What the arguments of quorate-server ask for.
#pragma once

#include <string>
#include <vector>

#include "server/config/overrides.h"

namespace quorate::server {

struct CommandLine {
  enum class Action {
    Run,  ///< operands: CONFIG, or port dataDir [tickTime] [maxClientCnxns].
    Help,
    Version,
    Keys,    ///< The reference of configuration keys, as Markdown.
    Check,   ///< operands: DIR. Verifies a data directory.
    Import,  ///< operands: DIR of ZooKeeper; config: where to.
    Export,  ///< operands: DIR to write; config: where from.
    Doctor,  ///< operands: CONFIG. Checks what a start needs.
  };
  Action action = Action::Run;
  std::vector<std::string> operands;
  std::string config;  ///< --config FILE, for Import and Export.
  std::vector<ConfigOverride> overrides;
  std::string wrong;  ///< Not empty: what is wrong with the arguments.
};

CommandLine parse_command_line(const std::vector<std::string>& arguments);

/// The text of --help.
std::string usage_text();

/// One Markdown table of all keys with default, range, environment variable and help; tests compare
/// docs/reference/configuration.md with it.
std::string keys_text();

}  // namespace quorate::server
