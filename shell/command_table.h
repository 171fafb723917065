// One row per command: parsing, usage texts, help and dispatch all read it.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "quorate/sync_client.h"
#include "shell/line.h"

namespace quorate::shell {

/// Exit codes of the program and of each command.
enum class Exit : int { Ok = 0, ErrorAnswer = 1, Usage = 2, NoConnection = 3 };

/// Both output streams. The mutex keeps a watch block, printed by the client's thread, from landing
/// inside a command's answer; posting to the main thread would delay it until the next input line.
class Output {
 public:
  void out(const std::string& text);
  void err(const std::string& line);  ///< Adds the line end.

 private:
  std::mutex mutex_;
};

/// What a command works on.
struct Session {
  client::SyncClient& client;
  Output& output;
  bool quit = false;

  /// Prints the error answer, if it is one.
  template <class T>
  Exit finish(const client::Reply<T>& reply, const std::string& path) {
    return finish(reply.code, reply.message, path);
  }
  Exit finish(client::Code code, const std::string& message, const std::string& path);

  /// Prints each event of a watch as it comes, when `wanted`.
  client::WatchCallback printer(bool wanted);
};

struct Command {
  const char* name;
  const char* arguments;  ///< As shown in help, e.g. "[-s] path".
  const char* help;
  std::vector<OptionSpec> options;
  std::size_t words_min;
  std::size_t words_max;
  bool path_first;  ///< The first word is a path and must begin with '/'.
  Exit (*run)(Session&, const Arguments&);
};

const std::vector<Command>& command_table();

/// The rows, by part; command_table() joins them in alphabetical order.
std::vector<Command> read_commands();
std::vector<Command> write_commands();
std::vector<Command> session_commands();

/// All commands with their arguments, one a line.
std::string usage_list();

/// Runs one line of words, the first of which names the command. Empty lines are Ok.
Exit run_command(Session& session, const std::vector<std::string>& words);

}  // namespace quorate::shell
