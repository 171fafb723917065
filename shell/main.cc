// quorate-shell: zkCli's commands and answers; exit codes in command_table.h.
#include <cstdio>

#include "shell/input.h"

int main(int argc, char** argv) {
  using namespace quorate::shell;
  ShellOptions options;
  if (!parse_options(argc, argv, options)) {
    std::fputs(usage_list().c_str(), stderr);
    return static_cast<int>(Exit::Usage);
  }
  return static_cast<int>(run_shell(options));
}
