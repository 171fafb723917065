// quorate-shell: zkCli's commands and answers, and more; exit codes in command_table.h.
#include <clocale>
#include <cstdio>
#include <string>

#include "shell/help.h"
#include "shell/input.h"

int main(int argc, char** argv) {
  using namespace quorate::shell;
  std::setlocale(LC_CTYPE, "");
  ShellOptions options;
  options.zkcli = std::string(argv[0]).ends_with("zkCli.sh");
  const std::string fault = parse_options({argv + 1, argv + argc}, options);
  if (!fault.empty()) {
    std::fprintf(stderr,
                 "quorate-shell: %s\nusage: quorate-shell [options] [command args...]; "
                 "quorate-shell --help explains\n",
                 fault.c_str());
    return static_cast<int>(options.zkcli ? Exit::ErrorAnswer : Exit::Usage);
  }
  return run_shell(options);
}
