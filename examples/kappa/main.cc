// kappa: views of the log by one way only, a stream; another way is another generation beside it.
#include <string>

#include "examples/kappa/commands.h"

int main(int argc, char** argv) {
  using namespace kappa_app;
  pipeline_program::Arguments arguments(argc, argv, {"--json", "--wait"});
  if (arguments.asks_for_help()) {
    print_usage();
    return 0;
  }
  const std::string& command = arguments.command();
  if (command == "start") return start(arguments);
  if (command == "work") return work(arguments);
  if (command == "switch") return switch_active(arguments);
  if (command == "rollback") return rollback(arguments);
  if (command == "retire") return retire(arguments);
  if (command == "generations") return generations(arguments);
  if (command == "view") return view(arguments);
  if (command == "serve") return serve(arguments);
  return refuse(command.empty() ? "which command?" : "no command " + command);
}
