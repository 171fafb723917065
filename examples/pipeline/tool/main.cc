// pipeline-tool: the library of examples/pipeline from the command line; see README.md.
#include <cstdio>
#include <string>

#include "examples/pipeline/tool/commands.h"

namespace {

constexpr const char* kUsage =
    "usage: pipeline-tool generate [--lines N] [--seed N] [--rate EVENTS/S] [--pages N] [--json]\n"
    "                     [--visitors N] [--bots X] [--bad-lines X] [--duplicates X] [--late X]\n"
    "       pipeline-tool parse FILE... [--bad FILE] [--by-position]\n"
    "       pipeline-tool aggregate FILE... [--bad FILE] [--by-position] [--sketch] [--parts N]\n"
    "                     [--gap-ms N] [--depth N] [--top N] [--stats]\n"
    "       pipeline-tool broker --data FOLDER --listen unix:PATH|tcp:127.0.0.1:PORT [--sync]\n"
    "       pipeline-tool produce FILE... --bus BUS --topic NAME [--partitions N] [--batch N]\n"
    "                     [--rate EVENTS/S] [--retention-bytes N]\n"
    "                     [--connect HOSTS --group NAME --when-behind block|buffer|drop\n"
    "                      --backlog N --buffer FOLDER]\n"
    "       pipeline-tool consume --connect HOSTS --bus BUS --topic NAME --group NAME --id NAME\n"
    "                     --folder FOLDER [--session-timeout-ms N] [--at-most-once]\n"
    "                     [--commit-records N] [--commit-ms N] [--read-records N] [--gap-ms N]\n"
    "                     [--pause-ms-per-batch N] [--partitions N: makes the topic]\n"
    "       pipeline-tool view --connect HOSTS --bus BUS --topic NAME --group NAME\n"
    "                     --folder FOLDER [--wait-s N] [--gap-ms N] [--top N]\n"
    "FILE - is standard input. BUS: unix:PATH or tcp:HOST:PORT of a broker, embedded:FOLDER, or\n"
    "kafka:HOST:PORT,HOST:PORT,...\n"
    "Exit codes: 0 done, 1 failed, 2 usage, 3 no server.\n";

}  // namespace

namespace pipeline_program {

int refuse(std::string_view fault) {
  std::fprintf(stderr, "pipeline-tool: %.*s\n%s", static_cast<int>(fault.size()), fault.data(),
               kUsage);
  return 2;
}

int fail(std::string_view fault) {
  std::fprintf(stderr, "pipeline-tool: %.*s\n", static_cast<int>(fault.size()), fault.data());
  return 1;
}

}  // namespace pipeline_program

int main(int argc, char** argv) {
  using namespace pipeline_program;
  Arguments arguments(
      argc, argv, {"--json", "--by-position", "--sketch", "--stats", "--sync", "--at-most-once"});
  if (arguments.asks_for_help()) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  const std::string& command = arguments.command();
  if (command == "generate") return generate(arguments);
  if (command == "parse") return parse(arguments);
  if (command == "aggregate") return aggregate(arguments);
  if (command == "broker") return broker(arguments);
  if (command == "produce") return produce(arguments);
  if (command == "consume") return consume(arguments);
  if (command == "view") return view(arguments);
  return refuse(command.empty() ? "which command?" : "no command " + command);
}
