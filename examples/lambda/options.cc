#include "examples/lambda/options.h"

#include <unistd.h>

#include <cstdio>

namespace lambda_app {

using pipeline_program::is_name;

namespace {

constexpr const char* kUsage =
    "usage: lambda collect COMMON (FILE... | --log FILE | --generate | --listen HOST:PORT)\n"
    "              [--lines N] [--rate LINES/S] [--seed N] [--event-rate EVENTS/S] [--pages N]\n"
    "              [--visitors N] [--bots X] [--bad-lines X] [--duplicates X] [--late X] [--json]\n"
    "              [--start-now]\n"
    "              [--partitions N] [--when-behind block|buffer|drop] [--backlog N] [--bad FILE]\n"
    "              [--batch N] [--by-position]\n"
    "       lambda archive COMMON [--segment-mb N] [--segment-age-ms N]\n"
    "       lambda batch COMMON [--every-s N] [--parts N] [--slots N] [--split-mb N] [--slow-ms "
    "N]\n"
    "       lambda batch [--connect HOSTS] [--root PATH] --request [--wait]\n"
    "       lambda batch --local FOLDER [FILE...] [--slots N] [--parts N] [--segment-mb N]\n"
    "              [--split-mb N] [--answers] [--top N]\n"
    "       lambda speed COMMON [--bug drop-errors|count-twice] [--commit-ms N] [--delta-ms N]\n"
    "              [--horizon-s N] [--gap-ms N] [--alert-percent X] [--partitions N] [--print]\n"
    "       lambda serve COMMON [--listen HOST:PORT] [--host-name NAME] [--demo]\n"
    "COMMON: --bus BUS --folder FOLDER [--connect HOSTS] [--root PATH] [--topic NAME] [--id NAME]\n"
    "        [--session-timeout-ms N]\n"
    "FILE - is standard input. BUS: unix:PATH or tcp:HOST:PORT of a broker, embedded:FOLDER, or\n"
    "kafka:HOST:PORT,HOST:PORT,...\n"
    "Exit codes: 0 done, 1 failed, 2 usage, 3 no server.\n";

}  // namespace

Common common_of(pipeline_program::Arguments& arguments) {
  Common common;
  common.connect = arguments.text("--connect", common.connect);
  common.root = arguments.text("--root", common.root);
  common.bus = arguments.text("--bus");
  common.topic = arguments.text("--topic", common.topic);
  common.folder = arguments.text("--folder");
  common.id = arguments.text("--id", std::to_string(::getpid()));
  common.session_timeout = std::chrono::milliseconds(arguments.number(
      "--session-timeout-ms", static_cast<std::uint64_t>(common.session_timeout.count())));
  return common;
}

std::string fault_of(const Common& common) {
  if (common.bus.empty()) return "where is the bus? --bus";
  if (common.folder.empty()) return "which folder do all processes share? --folder";
  if (common.root.size() < 2 || common.root.front() != '/' || common.root.back() == '/') {
    return "--root: " + common.root + " is no path of a znode, as /lambda is";
  }
  if (!is_name(common.topic)) return "--topic: letters, digits, '.', '_', '-'";
  if (!is_name(common.id)) return "--id: letters, digits, '.', '_', '-'";
  if (common.session_timeout < std::chrono::milliseconds(100) ||
      common.session_timeout > std::chrono::hours(1)) {
    return "--session-timeout-ms: from 100 to 3600000";
  }
  return "";
}

int refuse(std::string_view fault) {
  std::fprintf(stderr, "lambda: %.*s\n%s", static_cast<int>(fault.size()), fault.data(), kUsage);
  return 2;
}

int fail(std::string_view fault) {
  std::fprintf(stderr, "lambda: %.*s\n", static_cast<int>(fault.size()), fault.data());
  return 1;
}

void print_usage() {
  std::fputs(kUsage, stdout);
}

}  // namespace lambda_app
