#include "shell/input.h"

#include <editline/readline.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>

#include "shell/render.h"

namespace quorate::shell {

namespace {

struct FreeLine {
  void operator()(char* line) const { std::free(line); }
};

const char* prompt_state(client::SessionState state) {
  switch (state) {
    case client::SessionState::Connected:
    case client::SessionState::Reconnected:
      return "CONNECTED";
    case client::SessionState::Expired:
    case client::SessionState::Closed:
      return "CLOSED";
    default:
      return "CONNECTING";
  }
}

Exit tell_no_connection(Output& output, const ShellOptions& options,
                        const client::Reply<client::Connected>& attempt) {
  output.err("Cannot connect to " + options.servers + ": " + attempt.message);
  // Nothing was tried: the connect string itself is wrong.
  if (attempt.code == client::Code::SystemError && attempt.value.failures.empty()) {
    output.err("usage: -server host:port[,host:port...][/chroot]");
    return Exit::Usage;
  }
  for (const auto& [server, reason] : attempt.value.failures) {
    output.err("  tried " + server + ": " + reason);
  }
  output.err("To start servers on this machine: scripts/quickstart, or: quorate-server zoo.cfg");
  output.err("To use others: quorate-shell -server host:port[,host:port...]");
  return Exit::NoConnection;
}

Exit run_lines(Session& session) {
  Exit last = Exit::Ok;
  std::string line;
  while (!session.quit && std::getline(std::cin, line)) {
    const std::vector<std::string> words = split_words(line);
    if (words.empty()) continue;
    const Exit now = run_command(session, words);
    if (!session.quit) last = now;
  }
  return last;
}

Exit run_interactive(Session& session, const std::string& servers) {
  Exit last = Exit::Ok;
  rl_initialize();
  for (int count = 0; !session.quit;) {
    const std::string prompt = "[zk: " + servers + "(" + prompt_state(session.client.state()) +
                               ") " + std::to_string(count) + "] ";
    const std::unique_ptr<char, FreeLine> line(readline(prompt.c_str()));
    if (!line) {
      session.output.out("\n");
      break;
    }
    const std::vector<std::string> words = split_words(line.get());
    if (words.empty()) continue;
    add_history(line.get());
    ++count;
    const Exit now = run_command(session, words);
    if (!session.quit) last = now;
  }
  return last;
}

}  // namespace

bool parse_options(int argc, char** argv, ShellOptions& options) {
  int at = 1;
  for (; at < argc && argv[at][0] == '-'; ++at) {
    const std::string name = argv[at];
    if (at + 1 == argc) return false;
    const std::string value = argv[++at];
    if (name == "-server") {
      options.servers = value;
    } else if (name == "-timeout") {
      const std::optional<int> ms = parse_int(value);
      if (!ms || *ms <= 0) return false;
      options.session_timeout = std::chrono::milliseconds(*ms);
    } else {
      return false;
    }
  }
  options.command.assign(argv + at, argv + argc);
  return true;
}

Exit run_shell(const ShellOptions& options) {
  Output output;
  client::ConnectOptions connect(options.servers);
  connect.session_timeout = options.session_timeout;
  connect.connect_timeout = options.connect_timeout;
  const bool interactive =
      options.command.empty() && isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
  client::SyncClient client(std::move(connect));
  if (interactive) {
    output.out("Connecting to " + options.servers + "\nWelcome to Quorate!\n");
    client.add_session_listener(
        [&output](const client::SessionEvent& event) { output.out(session_block(event)); });
  }
  const auto connected = client.connect();
  if (!connected) return tell_no_connection(output, options, connected);

  Session session{client, output};
  Exit code = Exit::Ok;
  if (!options.command.empty()) {
    code = run_command(session, options.command);
  } else {
    code = interactive ? run_interactive(session, options.servers) : run_lines(session);
  }
  client.close();
  return code;
}

}  // namespace quorate::shell
