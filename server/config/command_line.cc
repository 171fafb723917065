#include "server/config/command_line.h"

#include <charconv>

#include "server/config/config_table.h"

namespace quorate::server {
namespace {

using Action = CommandLine::Action;

struct ActionRow {
  const char* flag;
  Action action;
  std::size_t least, most;  ///< Operands.
  const char* operands;
};

constexpr ActionRow kActions[] = {
    {"--help", Action::Help, 0, 0, ""},           {"--version", Action::Version, 0, 0, ""},
    {"--keys", Action::Keys, 0, 0, ""},           {"--check", Action::Check, 1, 2, "DIR"},
    {"--import", Action::Import, 1, 2, "DIR"},    {"--export", Action::Export, 1, 1, "DIR"},
    {"--doctor", Action::Doctor, 1, 1, "CONFIG"},
};

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

std::string wrong_operands(const CommandLine& line) {
  for (const ActionRow& row : kActions) {
    if (row.action != line.action) continue;
    if (line.operands.size() >= row.least && line.operands.size() <= row.most) break;
    if (row.most == 0) return std::string(row.flag) + " takes nothing else";
    return std::string(row.flag) + " takes one " + row.operands;
  }
  const bool moves = line.action == Action::Import || line.action == Action::Export;
  if (moves && line.config.empty()) {
    return "--import and --export need --config CONFIG, the zoo.cfg of this server";
  }
  if (line.action != Action::Run) return {};
  if (line.operands.empty()) return "a zoo.cfg is missing";
  const bool by_port = is_number(line.operands[0]);
  if (by_port && line.operands.size() == 1) return "after the client port comes the data folder";
  if (by_port && line.operands.size() > 4)
    return "more than port, dataDir, tickTime and maxClientCnxns";
  if (!by_port && line.operands.size() > 1) return "more than one zoo.cfg";
  return {};
}

/// The row of `argument`, or nullptr.
const ActionRow* find_action(const std::string& argument) {
  for (const ActionRow& row : kActions) {
    if (argument == row.flag) return &row;
  }
  return nullptr;
}

std::string range_text(const ConfigRow& row) {
  if (std::holds_alternative<FlagField>(row.field)) return "true, false";
  if (std::holds_alternative<TextField>(row.field)) return "";
  return std::to_string(row.low) + " to " + std::to_string(row.high);
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  for (std::size_t i = 0; i < arguments.size() && line.wrong.empty(); ++i) {
    const std::string& argument = arguments[i];
    ConfigOverride override;
    if (parse_override(argument, override)) {
      line.overrides.push_back(std::move(override));
    } else if (const ActionRow* row = find_action(argument)) {
      if (line.action != Action::Run) line.wrong = argument + " cannot follow another action";
      line.action = row->action;
    } else if (argument == "--config" && i + 1 < arguments.size()) {
      line.config = arguments[++i];
    } else if (!argument.empty() && argument.front() == '-') {
      line.wrong = argument + " is not known";
    } else {
      line.operands.push_back(argument);
    }
  }
  if (line.wrong.empty()) line.wrong = wrong_operands(line);
  return line;
}

std::string usage_text() {
  return "usage: quorate-server CONFIG [-Dkey=value ...]\n"
         "       quorate-server PORT DATADIR [TICKTIME [MAXCLIENTCNXNS]] [-Dkey=value ...]\n"
         "       quorate-server --doctor CONFIG        what a start would meet, with remedies\n"
         "       quorate-server --check DATADIR [DATALOGDIR]\n"
         "                                             verify a data folder, change nothing\n"
         "       quorate-server --import DIR [LOGDIR] --config CONFIG\n"
         "                                             take over ZooKeeper's data; DIR is "
         "untouched\n"
         "       quorate-server --export DIR --config CONFIG\n"
         "                                             write data that ZooKeeper can start from\n"
         "       quorate-server --keys                 all keys of the configuration\n"
         "       quorate-server --version | --help\n"
         "\n"
         "Runs one Quorate server until SIGTERM or SIGINT. CONFIG is a zoo.cfg. A key is taken "
         "from\n"
         "the command line, else from QUORATE_CFG_... or SERVER_JVMFLAGS in the environment, else\n"
         "from CONFIG.\n"
         "Exit codes: 0 stopped in order; 1 unexpected; 2 wrong usage or configuration;\n"
         "            3 the data folder is in use or cannot be used; 10 data damaged;\n"
         "            14 quorum or election port cannot be opened.\n";
}

std::string keys_text() {
  std::string out = "| key | default | range | environment | meaning |\n|---|---|---|---|---|\n";
  for (const ConfigRow& row : config_rows()) {
    out += "| `" + std::string(row.key) + "` | " + row.fallback + " | " + range_text(row) + " | `" +
           environment_name(row.key) + "` | " + row.help + " |\n";
  }
  return out;
}

}  // namespace quorate::server
