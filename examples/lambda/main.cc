// lambda: the processes of a lambda architecture; see README.md.
#include <string>

#include "examples/lambda/commands.h"
#include "examples/lambda/options.h"

int main(int argc, char** argv) {
  using namespace lambda_app;
  pipeline_program::Arguments arguments(
      argc, argv,
      {"--generate", "--json", "--by-position", "--request", "--wait", "--answers", "--demo",
       "--print", "--start-now"});
  if (arguments.asks_for_help()) {
    print_usage();
    return 0;
  }
  const std::string& command = arguments.command();
  if (command == "collect") return collect(arguments);
  if (command == "archive") return archive(arguments);
  if (command == "batch") return batch(arguments);
  if (command == "speed") return speed(arguments);
  if (command == "serve") return serve(arguments);
  return refuse(command.empty() ? "which command?" : "no command " + command);
}
