// quorate-server: see usage_text() in server/config/command_line.cc.
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "server/admin/version.h"
#include "server/app/app.h"
#include "server/app/data_tools.h"
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

/// Nothing, after a message, when it cannot be used.
std::optional<Config> configuration(const CommandLine& line) {
  const std::vector<ConfigOverride> overrides = all_overrides(line);
  const bool by_port = line.config.empty() && line.operands.size() > 1;
  const std::string& file = line.config.empty() ? line.operands[0] : line.config;
  ConfigResult config =
      by_port ? make_config(line.operands, overrides) : load_config(file, overrides);
  if (config) return std::move(*config);
  std::fprintf(stderr, "quorate-server: %s\n", config.error().text().c_str());
  return std::nullopt;
}

int print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return kExitOk;
}

int carry_out(const CommandLine& line) {
  using Action = CommandLine::Action;
  if (line.action == Action::Help) return print(usage_text());
  if (line.action == Action::Keys) return print(keys_text());
  if (line.action == Action::Version) {
    return print(std::string("quorate-server ") + kVersion + " (ZooKeeper protocol of " +
                 kVersionText + ")\n");
  }
  if (line.action == Action::Check) return run_check(line.operands);
  std::optional<Config> config = configuration(line);
  if (!config) return kExitUsage;
  switch (line.action) {
    case Action::Doctor:
      return run_doctor(*config);
    case Action::Import:
      return run_import(*config, line.operands);
    case Action::Export:
      return run_export(*config, line.operands[0]);
    default:
      return App(std::move(*config)).run();
  }
}

}  // namespace

int main(int count, char** arguments) {
  // Whole batches of a checkpoint go back to the system when they are freed, and the threads of the
  // disk share one heap of their own: what stays is the tree.
  ::mallopt(M_MMAP_THRESHOLD, 256 << 10);
  ::mallopt(M_ARENA_MAX, 2);
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
