// help, quit.
#include <algorithm>

#include "shell/command_table.h"

namespace quorate::shell {

namespace {

Exit run_help(Session& session, const Arguments& arguments) {
  if (arguments.words.empty()) {
    session.output.out(usage_list());
    return Exit::Ok;
  }
  for (const Command& command : command_table()) {
    if (arguments.words[0] != command.name) continue;
    session.output.out(std::string(command.name) + " " + command.arguments + "\n  " + command.help +
                       "\n");
    return Exit::Ok;
  }
  session.output.err("Command not found: Command not found " + arguments.words[0]);
  return Exit::Usage;
}

Exit run_quit(Session& session, const Arguments&) {
  session.quit = true;
  return Exit::Ok;
}

}  // namespace

std::vector<Command> session_commands() {
  return {
      {"help", "[command]", "list the commands, or explain one", {}, 0, 1, false, run_help},
      {"quit", "", "end the session and the shell", {}, 0, 0, false, run_quit},
  };
}

}  // namespace quorate::shell
