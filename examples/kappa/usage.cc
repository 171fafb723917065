#include <cstdio>
#include <string>

#include "examples/kappa/commands.h"
#include "examples/pipeline/open_bus.h"

namespace {

constexpr const char* kUsage =
    "usage: kappa start --generation N [--gap-ms N] [--depth N] [--granularity minute|hour|day]\n"
    "             [--code v1|v2]: declares it\n"
    "       kappa work --generation N --id NAME [as start: declares it if it is not there]\n"
    "             [--session-timeout-ms N] [--commit-ms N] [--delta-ms N]\n"
    "             [--read-records N] [--pause-ms-per-batch N]\n"
    "       kappa generations [--json] [--max-lag N]\n"
    "       kappa switch --to N [--wait | --wait-s N] [--max-lag N]\n"
    "       kappa rollback [--wait | --wait-s N] [--max-lag N]\n"
    "       kappa retire --generation N [--wait-s N]\n"
    "       kappa view [--generation N] [--wait-s N] [--top N]\n"
    "       kappa serve [--listen HOST:PORT] [--session-timeout-ms N]\n"
    "All: --bus BUS (not start), --connect HOSTS (127.0.0.1:2181), --root /kappa, --topic hits,\n"
    "     --folder FOLDER (., shared by all workers)\n";
constexpr const char* kExitCodes =
    "Exit codes: 0 done, 1 refused or failed, 2 usage, 3 no server.\n";

}  // namespace

namespace kappa_app {

int refuse(std::string_view fault) {
  std::fprintf(stderr, "kappa: %.*s\n%sBUS: %s\n%s", static_cast<int>(fault.size()), fault.data(),
               kUsage, pipeline::kBusForms, kExitCodes);
  return 2;
}

void print_usage() {
  std::fprintf(stdout, "%sBUS: %s\n%s", kUsage, pipeline::kBusForms, kExitCodes);
}

int fail(const pipeline::Fault& fault) {
  std::fprintf(stderr, "kappa: %s\n", fault.message.c_str());
  return 1;
}

}  // namespace kappa_app
