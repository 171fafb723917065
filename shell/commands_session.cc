// connect, close, quit, help, history, redo, cd, pwd.
#include <algorithm>

#include "shell/command_table.h"
#include "shell/help.h"
#include "shell/render.h"

namespace quorate::shell {

namespace {

Exit run_connect(Session& session, const Arguments& arguments) {
  client::ConnectOptions options = session.remote.options();
  if (!arguments.words.empty()) options.servers = arguments.words[0];
  const auto connected = session.remote.connect(options);
  if (connected) {
    return session.answer("", Json{{"server", connected.value.server}});
  }
  return session.refuse(no_connection_text(options.servers, connected), Exit::NoConnection);
}

Exit run_close(Session& session, const Arguments&) {
  session.remote.close();
  return session.answer("", Json{{"closed", true}});
}

Exit run_quit(Session& session, const Arguments&) {
  session.quit = true;
  return Exit::Ok;
}

Exit run_help(Session& session, const Arguments& arguments) {
  if (arguments.words.empty()) {
    Json all = Json::array();
    for (const Command& each : command_table()) all.push_back(help_json(each));
    return session.answer(help_list(session.style()), Json{{"commands", all}});
  }
  const Command* command = find_command(arguments.words[0]);
  if (command == nullptr) return session.refuse("Command not found: " + arguments.words[0]);
  return session.answer(help_text(*command), help_json(*command));
}

/// zkCli shows the last eleven, this one among them.
Exit run_history(Session& session, const Arguments&) {
  constexpr std::size_t kShown = 11;
  std::string text;
  Json json = Json::array();
  const std::size_t size = session.history.size();
  for (std::size_t i = size > kShown ? size - kShown : 0; i < size; ++i) {
    text += std::to_string(i) + " - " + session.history[i] + "\n";
    json.push_back({{"number", i}, {"line", session.history[i]}});
  }
  return session.answer(text, Json{{"history", json}});
}

Exit run_redo(Session& session, const Arguments& arguments) {
  const auto number = parse_int(arguments.words[0]);
  if (!number || *number < 0 || static_cast<std::size_t>(*number) + 1 >= session.history.size()) {
    return session.refuse("Command index out of range");
  }
  const std::string line = session.history[static_cast<std::size_t>(*number)];
  const std::vector<std::string> words = split_words(line);
  if (!words.empty() && words.front() == "redo") return session.refuse("No redoing redos");
  session.history.back() = line;
  return run_command(session, words);
}

Exit run_cd(Session& session, const Arguments& arguments) {
  std::string target = arguments.word(0, "/");
  if (target == "-") target = session.previous_directory.empty() ? "/" : session.previous_directory;
  const std::string now = session.directory.empty() ? "/" : session.directory;
  target = absolute_path(now, target);
  if (std::string fault = path_fault(target); !fault.empty()) return session.refuse(fault);
  auto reply = session.remote.exists(target);
  if (!reply) return session.finish(reply, target);
  session.previous_directory = now;
  session.directory = target;
  return session.answer("", Json{{"path", target}});
}

Exit run_pwd(Session& session, const Arguments&) {
  const std::string now = session.directory.empty() ? "/" : session.directory;
  return session.answer(now + "\n", Json{{"path", now}});
}

}  // namespace

std::vector<Command> session_commands() {
  return {
      {"connect",
       "[host:port[,host:port...]]",
       "begin a new session, there or at the same servers",
       "connect zoo2:2181",
       {},
       0,
       1,
       Paths::None,
       run_connect,
       kOffline},
      {"close", "", "end the session", "close", {}, 0, 0, Paths::None, run_close, kOffline},
      {"quit",
       "",
       "end the session and the shell",
       "quit",
       {},
       0,
       0,
       Paths::None,
       run_quit,
       kOffline},
      {"help",
       "[command]",
       "list the commands, or explain one",
       "help create",
       {},
       0,
       1,
       Paths::None,
       run_help,
       kOffline | kOurs},
      {"history",
       "",
       "print the last commands with their numbers",
       "history",
       {},
       0,
       0,
       Paths::None,
       run_history,
       kOffline},
      {"redo",
       "number",
       "repeat a command of the history",
       "redo 3",
       {},
       1,
       1,
       Paths::None,
       run_redo,
       kOffline},
      {"cd",
       "[path|-]",
       "change the node that relative paths begin at",
       "cd /config",
       {},
       0,
       1,
       Paths::None,
       run_cd,
       kOurs},
      {"pwd",
       "",
       "print the node that relative paths begin at",
       "pwd",
       {},
       0,
       0,
       Paths::None,
       run_pwd,
       kOffline | kOurs},
  };
}

}  // namespace quorate::shell
