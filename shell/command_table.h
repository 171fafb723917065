// One row per command: parsing, usage texts, help, completion, manual page and dispatch read it.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "quorate/sync_client.h"
#include "shell/line.h"
#include "shell/output.h"
#include "shell/remote.h"

namespace quorate::shell {

/// Exit codes of the program and of each command. With zkCli's habits Usage and NoConnection become
/// 1, and UnknownCommand stays; otherwise it becomes Usage.
enum class Exit : int {
  Ok = 0,
  ErrorAnswer = 1,
  Usage = 2,
  NoConnection = 3,
  UnknownCommand = 127,
};

/// What a command works on.
struct Session {
  Session(Remote& the_remote, Output& the_output) : remote(the_remote), output(the_output) {}

  Remote& remote;
  Output& output;
  std::string directory;             ///< Of relative paths; "" where these are refused.
  std::string previous_directory;    ///< For "cd -".
  std::vector<std::string> history;  ///< Lines, counted from 0.
  bool quit = false;
  bool print_watches = true;
  bool sure = false;  ///< Nobody is there to be asked, and the program was started with -y.

  const Style& style() const { return output.style; }

  /// Prints the error answer, if it is one.
  template <class T>
  Exit finish(const client::Reply<T>& reply, const std::string& path) {
    return finish(reply.code, reply.message, path);
  }
  Exit finish(client::Code code, const std::string& message, const std::string& path);
  /// What the shell itself refuses or finds wrong.
  Exit refuse(const std::string& message, Exit code = Exit::Usage);
  /// The answer, in the form that is wanted.
  Exit answer(const std::string& text, const Json& json);
  /// For the many lines of a walk: the document is made only where it is wanted.
  template <class Make>
  requires std::is_invocable_r_v<Json, Make> Exit answer(const std::string& text, Make make) {
    return style().json ? answer("", make()) : answer(text, Json());
  }
  /// A question to the person at the terminal; false where there is none.
  bool confirm(const std::string& question);

  /// Prints each event as it comes, when `wanted`. One watcher for all: an event that several of
  /// the session's watches see is printed once.
  client::Watcher printer(bool wanted);

 private:
  client::Watcher printer_;
};

/// Which words of a command are paths: made absolute, checked, and completed from the server.
enum class Paths { None, First, FirstTwo };

inline constexpr unsigned kOffline = 1;  ///< Works without a connection.
inline constexpr unsigned kOurs = 2;     ///< zkCli does not have it.

struct Command {
  const char* name;
  const char* arguments;  ///< As shown in help, e.g. "[-s] path".
  const char* summary;
  const char* example;
  std::vector<OptionSpec> options;
  std::size_t words_min;
  std::size_t words_max;
  Paths paths;
  Exit (*run)(Session&, const Arguments&);
  unsigned traits = 0;

  bool offline() const { return (traits & kOffline) != 0; }
  bool ours() const { return (traits & kOurs) != 0; }
};

const std::vector<Command>& command_table();
const Command* find_command(const std::string& name);

/// The rows, by part; command_table() joins them in alphabetical order.
std::vector<Command> read_commands();
std::vector<Command> write_commands();
std::vector<Command> acl_commands();
std::vector<Command> quota_commands();
std::vector<Command> watch_commands();
std::vector<Command> config_commands();
std::vector<Command> session_commands();
std::vector<Command> tree_commands();
std::vector<Command> delete_commands();
std::vector<Command> copy_commands();
std::vector<Command> transfer_commands();
std::vector<Command> edit_commands();
std::vector<Command> ensemble_commands();

/// Runs one line of words, the first of which names the command. Empty lines are Ok.
Exit run_command(Session& session, const std::vector<std::string>& words);

}  // namespace quorate::shell
