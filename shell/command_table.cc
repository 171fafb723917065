#include "shell/command_table.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "shell/render.h"

namespace quorate::shell {

void Output::out(const std::string& text) {
  const std::lock_guard lock(mutex_);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void Output::err(const std::string& line) {
  const std::lock_guard lock(mutex_);
  std::fprintf(stderr, "%s\n", line.c_str());
}

Exit Session::finish(client::Code code, const std::string& message, const std::string& path) {
  if (code == client::Code::Ok) return Exit::Ok;
  output.err(error_line(code, message, path));
  return Exit::ErrorAnswer;
}

client::WatchCallback Session::printer(bool wanted) {
  if (!wanted) return {};
  return [&out = output](const client::WatchEvent& event) {
    // The end of the session is told once, not once per watch.
    if (event.type != client::EventType::None) out.out(watch_block(event));
  };
}

const std::vector<Command>& command_table() {
  static const std::vector<Command> table = [] {
    std::vector<Command> all;
    for (const auto& part : {read_commands(), write_commands(), session_commands()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    std::sort(all.begin(), all.end(), [](const Command& a, const Command& b) {
      return std::string_view(a.name) < std::string_view(b.name);
    });
    return all;
  }();
  return table;
}

std::string usage_list() {
  std::string text =
      "quorate-shell -server host:port[,host:port...][/chroot] -timeout ms command args\n";
  for (const Command& command : command_table()) {
    text += std::string("\t") + command.name;
    if (*command.arguments != '\0') text += std::string(" ") + command.arguments;
    text += "\n";
  }
  return text;
}

namespace {

Exit usage_error(Session& session, const Command& command) {
  session.output.err(std::string("usage: ") + command.name +
                     (*command.arguments != '\0' ? " " : "") + command.arguments);
  return Exit::Usage;
}

}  // namespace

Exit run_command(Session& session, const std::vector<std::string>& words) {
  if (words.empty()) return Exit::Ok;
  const auto& table = command_table();
  const auto command = std::find_if(
      table.begin(), table.end(), [&](const Command& each) { return words.front() == each.name; });
  if (command == table.end()) {
    session.output.err(usage_list() + "Command not found: Command not found " + words.front());
    return Exit::Usage;
  }
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  const std::optional<Arguments> arguments = parse_arguments(rest, command->options);
  if (!arguments || arguments->words.size() < command->words_min ||
      arguments->words.size() > command->words_max) {
    return usage_error(session, *command);
  }
  const auto version = arguments->options.find('v');
  if (version != arguments->options.end() && !parse_int(version->second)) {
    return usage_error(session, *command);
  }
  if (command->path_first && !arguments->words.empty() &&
      !arguments->words.front().starts_with('/')) {
    session.output.err("Path must start with / character");
    return Exit::Usage;
  }
  return command->run(session, *arguments);
}

}  // namespace quorate::shell
