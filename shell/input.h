// The program: how lines come in, and what exit code goes out.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "shell/command_table.h"

namespace quorate::shell {

struct ShellOptions {
  std::string servers = "localhost:2181";
  std::chrono::milliseconds session_timeout{30'000};
  std::chrono::milliseconds connect_timeout{5'000};
  std::vector<std::string> command;  ///< Empty: lines from stdin.
};

/// Reads the program's own arguments; false when they cannot be understood.
bool parse_options(int argc, char** argv, ShellOptions& options);

/// Connects and runs one command, or lines from stdin until its end or quit; with line editing when
/// both stdin and stdout are terminals. The exit code is that of the last command.
Exit run_shell(const ShellOptions& options);

}  // namespace quorate::shell
