// What the command table says about itself: usage, help, manual page, completion files.
#pragma once

#include <string>

#include "shell/command_table.h"

namespace quorate::shell {

/// "name arguments".
std::string usage_line(const Command& command);
/// The program's own usage and all commands with their arguments, one a line.
std::string usage_list(const Style& style);
/// What `help` says: a line for each command.
std::string help_list(const Style& style);
/// What `help NAME` says.
std::string help_text(const Command& command);
Json help_json(const Command& command);
/// What `quorate-shell --help` says.
std::string program_help();

/// The manual page quorate-shell.1, as roff.
std::string manual_page();
/// A completion file; `shell` is "bash" or "zsh", else "".
std::string completion_file(const std::string& shell);

}  // namespace quorate::shell
