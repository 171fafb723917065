// The program: how lines come in, and what exit code goes out.
#pragma once

#include <string>

#include "shell/command_table.h"
#include "shell/options.h"

namespace quorate::shell {

/// Runs one typed line: it is put into the history, split, and carried out.
Exit run_line(Session& session, const std::string& line);

/// Connects and runs one command, or lines from a file or stdin until its end or quit; with line
/// editing when both stdin and stdout are terminals. The exit code is that of the last command.
int run_shell(const ShellOptions& options);

}  // namespace quorate::shell
