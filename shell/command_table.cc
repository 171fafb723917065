#include "shell/command_table.h"

#include <algorithm>
#include <string_view>

#include "shell/help.h"
#include "shell/render.h"

namespace quorate::shell {

const std::vector<Command>& command_table() {
  static const std::vector<Command> table = [] {
    std::vector<Command> all;
    for (auto part : {read_commands, write_commands, acl_commands, quota_commands, watch_commands,
                      config_commands, session_commands, tree_commands, delete_commands,
                      copy_commands, transfer_commands, edit_commands, ensemble_commands}) {
      for (Command& row : part()) all.push_back(std::move(row));
    }
    std::sort(all.begin(), all.end(), [](const Command& a, const Command& b) {
      return std::string_view(a.name) < std::string_view(b.name);
    });
    return all;
  }();
  return table;
}

const Command* find_command(const std::string& name) {
  for (const Command& each : command_table()) {
    if (name == each.name) return &each;
  }
  return nullptr;
}

namespace {

Exit unknown_command(Session& session, const std::string& name) {
  if (session.style().zkcli) {
    session.output.err(usage_list(session.style()) + "Command not found: Command not found " +
                       name);
    return Exit::UnknownCommand;
  }
  std::string near;
  for (const Command& each : command_table()) {
    if (std::string_view(each.name).starts_with(name.substr(0, 2))) {
      near += std::string(near.empty() ? "; similar: " : ", ") + each.name;
    }
  }
  session.refuse("Command not found: " + name + near);
  if (!session.style().json) session.output.err("usage: help [command]");
  return Exit::Usage;
}

Exit usage_error(Session& session, const Command& command, const std::string& fault) {
  if (session.style().json) return session.refuse(fault + "; usage: " + usage_line(command));
  if (session.style().zkcli) {
    session.output.err(usage_line(command));
  } else {
    session.output.err(std::string(command.name) + ": " + fault);
    session.output.err("usage: " + usage_line(command));
  }
  return Exit::Usage;
}

std::string count_fault(const Command& command, std::size_t count) {
  return count < command.words_min ? "an argument is missing" : "too many arguments";
}

/// Makes the command's paths absolute; what is wrong with them, or "".
std::string settle_paths(const Session& session, const Command& command, Arguments& arguments) {
  const std::size_t count = command.paths == Paths::None    ? 0
                            : command.paths == Paths::First ? 1
                                                            : 2;
  const bool create = std::string_view(command.name) == "create" && arguments.has("s");
  for (std::size_t i = 0; i < count && i < arguments.words.size(); ++i) {
    std::string& path = arguments.words[i];
    if (!session.directory.empty()) path = absolute_path(session.directory, path);
    if (std::string fault = path_fault(path, create); !fault.empty()) return fault;
  }
  return "";
}

Exit run_row(Session& session, const Command& command, const std::vector<std::string>& rest) {
  std::string fault;
  std::optional<Arguments> arguments = parse_arguments(rest, command.options, fault);
  if (!arguments) return usage_error(session, command, fault);
  if (arguments->words.size() < command.words_min || arguments->words.size() > command.words_max) {
    return usage_error(session, command, count_fault(command, arguments->words.size()));
  }
  if (arguments->has("v") && std::string_view(command.name) != "reconfig" &&
      !parse_int(arguments->value("v"))) {
    return usage_error(session, command, "not a version: " + arguments->value("v"));
  }
  if (fault = settle_paths(session, command, *arguments); !fault.empty()) {
    session.refuse(fault);
    if (!session.style().zkcli && !session.style().json) {
      session.output.err("usage: " + usage_line(command));
    }
    return Exit::Usage;
  }
  if (!command.offline() && !session.remote.alive()) {
    if (session.style().zkcli) {
      session.output.out("Not connected\n");
      return Exit::Ok;  // As zkCli has it.
    }
    return session.refuse("Not connected", Exit::NoConnection);
  }
  const Exit code = command.run(session, *arguments);
  if (code == Exit::Usage && !session.style().json && !session.style().zkcli) {
    session.output.err("usage: " + usage_line(command));
  }
  return code;
}

}  // namespace

Exit run_command(Session& session, const std::vector<std::string>& words) {
  if (words.empty()) return Exit::Ok;
  std::vector<std::string> rest(words.begin() + 1, words.end());
  const auto end_of_options = std::find(rest.begin(), rest.end(), "--");
  const auto json = std::find(rest.begin(), end_of_options, "--json");
  const bool json_before = session.output.style.json;
  if (json != end_of_options) {
    session.output.style.json = true;
    rest.erase(json);
  }
  const Command* command = find_command(words.front());
  session.output.begin_command(command != nullptr);
  Exit code = Exit::Ok;
  if (command == nullptr || (session.style().zkcli && command->ours())) {
    code = unknown_command(session, words.front());
  } else {
    code = run_row(session, *command, rest);
  }
  session.output.style.json = json_before;
  return code;
}

}  // namespace quorate::shell
