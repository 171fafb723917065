// quorate-server CONFIG
#include <cstdio>
#include <exception>
#include <string>

#include "server/admin/version.h"
#include "server/app/app.h"
#include "server/config/parse.h"

namespace {

constexpr const char* kUsage =
    "usage: quorate-server CONFIG\n"
    "       quorate-server --version | --help\n"
    "\n"
    "Runs one Quorate server until SIGTERM or SIGINT. CONFIG is a zoo.cfg.\n"
    "Exit codes: 0 stopped in order; 1 unexpected; 2 wrong usage or configuration;\n"
    "            10 data damaged; 14 quorum or election port cannot be opened.\n";

}  // namespace

int main(int count, char** arguments) {
  using namespace quorate::server;
  const std::string argument = count == 2 ? arguments[1] : "";
  if (argument == "--help" || argument == "--version") {
    argument == "--help"
        ? std::fputs(kUsage, stdout)
        : std::printf("quorate-server %s (ZooKeeper protocol of %s)\n", kVersion, kVersionText);
    return kExitOk;
  }
  if (argument.empty() || argument.front() == '-') {
    std::fputs(kUsage, stderr);
    return kExitUsage;
  }
  ConfigResult config = load_config(argument);
  if (!config) {
    std::fprintf(stderr, "quorate-server: %s\n", config.error().text().c_str());
    return kExitUsage;
  }
  try {
    App app(std::move(*config));
    return app.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "quorate-server: %s\n", error.what());
    return kExitUnexpected;
  }
}
