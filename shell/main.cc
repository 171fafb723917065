// quorate-shell: zkCli's commands and answers, and more; exit codes in command_table.h.
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "shell/client_configuration.h"
#include "shell/help.h"
#include "shell/input.h"

int main(int argc, char** argv) {
  using namespace quorate::shell;
  std::setlocale(LC_CTYPE, "");
  ShellOptions options;
  options.zkcli = std::string(argv[0]).ends_with("zkCli.sh");
  std::string fault;
  for (const char* name : {"CLIENT_JVMFLAGS", "JVMFLAGS"}) {
    const char* flags = options.zkcli ? std::getenv(name) : nullptr;
    if (flags != nullptr && fault.empty()) fault = read_jvm_flags(flags, options);
  }
  if (fault.empty()) fault = parse_options({argv + 1, argv + argc}, options);
  if (!fault.empty()) {
    std::fprintf(stderr,
                 "quorate-shell: %s\nusage: quorate-shell [options] [command args...]; "
                 "quorate-shell --help explains\n",
                 fault.c_str());
    return static_cast<int>(options.zkcli ? Exit::ErrorAnswer : Exit::Usage);
  }
  return run_shell(options);
}
