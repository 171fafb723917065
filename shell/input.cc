#include "shell/input.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "shell/editor.h"
#include "shell/help.h"
#include "shell/render.h"

namespace quorate::shell {

namespace {

/// Ctrl-C ends the running command only; without SA_RESTART a read returns, too.
void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { cancel_flag() = true; };
  sigaction(SIGINT, &action, nullptr);
  // A reader that leaves early (| head) is noticed by the write.
  std::signal(SIGPIPE, SIG_DFL);
}

Exit run_lines(Session& session, std::istream& in, bool stop_on_error) {
  Exit last = Exit::Ok;
  std::string line;
  while (!session.quit && !cancel_flag() && std::getline(in, line)) {
    if (!session.style().zkcli && line.starts_with('#')) continue;
    if (split_words(line).empty()) continue;
    const Exit now = run_line(session, line);
    if (!session.quit) last = now;
    if (stop_on_error && now != Exit::Ok) break;
  }
  return last;
}

Exit run_script(Session& session, const ShellOptions& options) {
  if (options.script.empty() || options.script == "-") {
    return run_lines(session, std::cin, options.stop_on_error);
  }
  std::ifstream file(options.script);
  return run_lines(session, file, options.stop_on_error);
}

int exit_code(const Style& style, Exit code) {
  if (!style.zkcli) return static_cast<int>(code == Exit::UnknownCommand ? Exit::Usage : code);
  const bool as_one = code == Exit::Usage || code == Exit::NoConnection;
  return static_cast<int>(as_one ? Exit::ErrorAnswer : code);
}

/// True when the session stands, or when zkCli would go on without one.
bool begin_session(Session& session, const ShellOptions& options, Exit& code) {
  const auto connected = session.remote.connect(options.connect());
  if (connected) return true;
  // Nothing was tried: the connect string itself is wrong.
  const bool wrong_text =
      connected.code == client::Code::SystemError && connected.value.failures.empty();
  code = wrong_text ? Exit::Usage : Exit::NoConnection;
  if (session.style().zkcli) {
    session.output.err("KeeperErrorCode = ConnectionLoss");
    return false;
  }
  session.refuse(no_connection_text(options.servers, connected), code);
  if (wrong_text) session.output.err("usage: -server host:port[,host:port...][/chroot]");
  return false;
}

Style style_of(const ShellOptions& options) {
  Style style;
  const bool lines = options.command.empty() && options.script.empty();
  style.json = options.json;
  style.zkcli = options.zkcli;
  style.terminal = isatty(STDOUT_FILENO) != 0;
  style.interactive = lines && style.terminal && isatty(STDIN_FILENO) != 0;
  style.colour = style.terminal && options.colour && !options.zkcli && !options.json &&
                 std::getenv("NO_COLOR") == nullptr;
  return style;
}

void print_banner(Output& output, const ShellOptions& options) {
  if (output.style.zkcli) {
    output.out("Connecting to " + options.servers + "\n");
    if (options.command.empty()) {
      output.out(std::string("Welcome to ZooKeeper!\nJLine support is ") +
                 (output.style.interactive ? "enabled" : "disabled") + "\n");
    }
  } else if (output.style.interactive && !output.style.json) {
    output.out("Connecting to " + options.servers +
               "\nWelcome to Quorate! help lists the commands, " +
               "Tab completes, Ctrl-C cancels, quit ends.\n");
  }
}

/// A change of the session, told as zkCli does or to the person who types.
void tell_session(Output& output, Editor* editor, const client::SessionEvent& event) {
  if (editor != nullptr) editor->session_changed();
  if (output.style.zkcli) output.event(session_block(event));
  const bool final = client::is_final(event.state) && event.state != client::SessionState::Closed;
  if (output.style.zkcli || !output.style.interactive || output.style.json) return;
  if (event.state == client::SessionState::Suspended) {
    output.event(colour::red(output.style, "connection lost; looking for a server") + "\n");
  } else if (event.state == client::SessionState::Reconnected) {
    output.event(colour::green(output.style, "connected again to " + event.server) + "\n");
  } else if (final) {
    output.event(colour::red(output.style, std::string("the session is over: ") +
                                               client::name_of(event.state) +
                                               "; connect begins a new one") +
                 "\n");
  }
}

int print_only(const ShellOptions& options) {
  std::string text = "Quorate shell " QUORATE_VERSION "\n";
  if (options.print == "help") text = program_help();
  if (options.print == "man") text = manual_page();
  if (options.print == "bash" || options.print == "zsh") text = completion_file(options.print);
  std::cout << text << std::flush;
  return 0;
}

}  // namespace

Exit run_line(Session& session, const std::string& line) {
  session.history.push_back(line);
  return run_command(session, split_words(line));
}

int run_shell(const ShellOptions& options) {
  if (!options.print.empty()) return print_only(options);
  catch_interrupts();
  Output output;
  output.style = style_of(options);
  if (!output.style.terminal) std::setvbuf(stdout, nullptr, _IOFBF, 1 << 16);
  if (!options.script.empty() && options.script != "-" && !std::ifstream(options.script)) {
    output.err("cannot read " + options.script);
    return static_cast<int>(Exit::Usage);
  }
  Editor* editor = nullptr;
  // zkCli with one command ends before the end of its session could be told.
  const bool one_command = !options.command.empty();
  Remote remote([&](const client::SessionEvent& event) {
    const bool closed = event.state == client::SessionState::Closed;
    if (!one_command || !closed) tell_session(output, editor, event);
  });
  Session session(remote, output);
  session.sure = options.sure;
  if (output.style.interactive && !output.style.zkcli) session.directory = "/";
  std::unique_ptr<Editor> own_editor;
  if (output.style.interactive) {
    own_editor = std::make_unique<Editor>(session);
    editor = own_editor.get();
  }
  print_banner(output, options);

  Exit code = Exit::Ok;
  const Command* only = options.command.empty() ? nullptr : find_command(options.command[0]);
  // A wrong or an offline command needs no server to say so.
  const bool offline = !options.command.empty() && (only == nullptr || only->offline());
  if (!offline && !begin_session(session, options, code)) return exit_code(output.style, code);
  if (!options.command.empty()) {
    code = run_command(session, options.command);
  } else {
    code = own_editor ? own_editor->run() : run_script(session, options);
  }
  const bool interrupted = cancel_flag();
  remote.close();
  return interrupted && !own_editor ? 130 : exit_code(output.style, code);
}

}  // namespace quorate::shell
