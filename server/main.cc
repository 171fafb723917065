// quorate-server: see usage_text() in server/config/command_line.cc.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "server/admin/version.h"
#include "server/app/app.h"
#include "server/config/command_line.h"
#include "server/config/parse.h"

namespace {

using namespace quorate::server;

/// The settings of the environment, then those of the command line: the later wins.
std::vector<ConfigOverride> all_overrides(const CommandLine& line) {
  std::vector<std::string> entries, unknown;
  for (char** entry = environ; *entry != nullptr; ++entry) entries.emplace_back(*entry);
  std::vector<ConfigOverride> overrides = environment_overrides(entries, unknown);
  for (const std::string& name : unknown) {
    std::fprintf(stderr, "quorate-server: environment variable %s names no key; see --keys\n",
                 name.c_str());
  }
  overrides.insert(overrides.end(), line.overrides.begin(), line.overrides.end());
  return overrides;
}

int run_server(const CommandLine& line) {
  const std::vector<ConfigOverride> overrides = all_overrides(line);
  ConfigResult config = line.operands.size() == 1 ? load_config(line.operands[0], overrides)
                                                  : make_config(line.operands, overrides);
  if (!config) {
    std::fprintf(stderr, "quorate-server: %s\n", config.error().text().c_str());
    return kExitUsage;
  }
  App app(std::move(*config));
  return app.run();
}

int carry_out(const CommandLine& line) {
  using Action = CommandLine::Action;
  switch (line.action) {
    case Action::Help:
      std::fputs(usage_text().c_str(), stdout);
      return kExitOk;
    case Action::Version:
      std::printf("quorate-server %s (ZooKeeper protocol of %s)\n", kVersion, kVersionText);
      return kExitOk;
    case Action::Keys:
      std::fputs(keys_text().c_str(), stdout);
      return kExitOk;
    case Action::Run:
      return run_server(line);
    default:
      std::fputs("quorate-server: this action is not available in this version\n", stderr);
      return kExitUsage;
  }
}

}  // namespace

int main(int count, char** arguments) {
  const CommandLine line =
      parse_command_line(std::vector<std::string>(arguments + 1, arguments + count));
  if (!line.wrong.empty()) {
    std::fprintf(stderr, "quorate-server: %s\n%s", line.wrong.c_str(), usage_text().c_str());
    return kExitUsage;
  }
  try {
    return carry_out(line);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "quorate-server: %s\n", error.what());
    return kExitUnexpected;
  }
}
