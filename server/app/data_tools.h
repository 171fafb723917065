// The actions of quorate-server that work on data folders instead of serving.
#pragma once

#include <string>
#include <vector>

#include "server/config/config.h"

namespace quorate::server {

/// --import DIR [LOGDIR] --config CONFIG. Prints what was done, and on stderr what is wrong.
/// Returns the exit code of the program.
int run_import(const Config& config, const std::vector<std::string>& directories);

/// --export DIR --config CONFIG.
int run_export(const Config& config, const std::string& directory);

}  // namespace quorate::server
