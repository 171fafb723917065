// How commands answer: texts, errors, questions, events.
#include <unistd.h>

#include <iostream>

#include "shell/command_table.h"
#include "shell/render.h"

namespace quorate::shell {

Exit Session::finish(client::Code code, const std::string& message, const std::string& path) {
  if (code == client::Code::Ok) return Exit::Ok;
  if (cancel_flag()) return Exit::ErrorAnswer;  // Who cancels knows why nothing came.
  const std::string text = error_line(code, message, path);
  if (style().json) {
    Json error;
    error["code"] = static_cast<int>(code);
    error["name"] = std::string(keeper_name(code));
    error["message"] = text;
    error["path"] = path;
    output.err(Json{{"error", error}}.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    output.err(text);
  }
  const bool lost = code == client::Code::ConnectionLoss || code == client::Code::SessionExpired;
  return lost ? Exit::NoConnection : Exit::ErrorAnswer;
}

Exit Session::refuse(const std::string& message, Exit code) {
  if (style().json) {
    Json error;
    error["name"] = code == Exit::Usage          ? "Usage"
                    : code == Exit::NoConnection ? "NoConnection"
                                                 : "Failed";
    error["message"] = message;
    output.err(Json{{"error", error}}.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    output.err(message);
  }
  return code;
}

Exit Session::answer(const std::string& text, const Json& json) {
  if (style().json) {
    output.json(json);
  } else if (!text.empty()) {
    output.out(text);
  }
  return Exit::Ok;
}

bool Session::confirm(const std::string& question) {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0) return false;
  std::cerr << question << " [y/N] " << std::flush;
  std::string line;
  if (!std::getline(std::cin, line)) {
    std::cin.clear();
    return false;
  }
  return line == "y" || line == "Y" || line == "yes";
}

client::Watcher Session::printer(bool wanted) {
  if (!wanted) return {};
  if (!printer_.sink()) {
    printer_ = client::Watcher([this](const client::WatchEvent& event) {
      // The end of the session is told once, not once per watch.
      if (event.type == client::EventType::None || !print_watches) return;
      output.event(style().json ? event_json(event).dump() + "\n" : watch_block(event));
    });
  }
  return printer_;
}

}  // namespace quorate::shell
