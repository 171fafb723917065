#include "shell/prompt.h"

#include <algorithm>

namespace quorate::shell {

namespace {

std::string zkcli_prompt(const Situation& situation) {
  const char* word = client::is_final(situation.state) ? "CLOSED"
                     : situation.server.empty()        ? "CONNECTING"
                                                       : "CONNECTED";
  return "[zk: " + situation.servers + "(" + word + ") " + std::to_string(situation.lines) + "] ";
}

}  // namespace

std::string prompt_text(const Style& style, const Situation& situation) {
  if (style.zkcli) return zkcli_prompt(situation);
  const auto paint = [&](const char* sequence, const std::string& text) {
    if (!style.colour) return text;
    return std::string("\1\x1b[") + sequence + "m\1" + text + "\1\x1b[0m\1";
  };
  std::string who;
  if (client::is_final(situation.state)) {
    who = paint("31", std::string("(") + client::name_of(situation.state) + ")");
  } else if (situation.server.empty()) {
    who = paint("31", situation.servers + " (lost)");
  } else {
    const bool read_only = situation.state == client::SessionState::ReadOnly;
    // A blank between colours: libedit cannot draw a mark that follows on another.
    const std::string role = read_only ? paint("33", "read-only") : situation.role;
    who = paint("32", situation.server) + (role.empty() ? "" : " ") + role;
  }
  const std::string& directory = situation.directory;
  return who + " " + paint("34", directory.empty() ? "/" : directory) + "> ";
}

std::size_t shown_width(const std::string& text) {
  std::size_t width = 0;
  bool shown = true;
  for (const char c : text) {
    if (c == '\1') {
      shown = !shown;
    } else if (shown && (c & 0xc0) != 0x80) {
      ++width;  // The later bytes of a character take no column.
    }
  }
  return width;
}

std::string in_columns(const std::vector<std::string>& names, std::size_t width,
                       std::size_t names_max) {
  const std::size_t count = std::min(names.size(), names_max);
  std::size_t column = 1;
  for (std::size_t i = 0; i < count; ++i) column = std::max(column, shown_width(names[i]) + 2);
  const std::size_t columns = std::max<std::size_t>(1, width / column);
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    const bool end = (i + 1) % columns == 0 || i + 1 == count;
    text += names[i] + (end ? "\n" : std::string(column - shown_width(names[i]), ' '));
  }
  if (names.size() > count) text += "and " + std::to_string(names.size() - count) + " more\n";
  return text;
}

}  // namespace quorate::shell
