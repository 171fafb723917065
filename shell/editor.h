// Lines typed by a person: editing, history, completion, hints, and a prompt that is alive.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "shell/command_table.h"

namespace quorate::shell {

class Editor {
 public:
  explicit Editor(Session& session);
  ~Editor();
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  /// Reads and runs lines until quit or the end of input; the code of the last command.
  Exit run();

  /// The prompt is to be drawn anew. Any thread.
  void session_changed();

 private:
  class Terminal;
  std::unique_ptr<Terminal> terminal_;
};

}  // namespace quorate::shell
