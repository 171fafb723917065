// The actions of quorate-server that work on data folders instead of serving.
#pragma once

#include <string>
#include <vector>

#include "server/config/config.h"

namespace quorate::server {

/// --doctor CONFIG: prints a line for each thing a start depends on. 2 when one of them would fail.
int run_doctor(const Config& config);

/// --check DATADIR [DATALOGDIR]: what a start would find, on a copy; prints it. 0 when all is well.
int run_check(const std::vector<std::string>& directories);

/// --import DIR [LOGDIR] --config CONFIG. Prints what was done, and on stderr what is wrong.
/// Returns the exit code of the program.
int run_import(const Config& config, const std::vector<std::string>& directories);

/// --export DIR --config CONFIG.
int run_export(const Config& config, const std::string& directory);

}  // namespace quorate::server
