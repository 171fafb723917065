#include "shell/output.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>

namespace quorate::shell {

namespace {

constexpr char kMark = '\x01';

std::string marked(const Style& style, char which, std::string_view text) {
  if (!style.colour) return std::string(text);
  return std::string{kMark, which} + std::string(text) + std::string{kMark, '0'};
}

const char* sequence(char which) {
  switch (which) {
    case 'r':
      return "\x1b[31m";
    case 'g':
      return "\x1b[32m";
    case 'b':
      return "\x1b[34m";
    case 'y':
      return "\x1b[90m";
    default:
      return "\x1b[0m";
  }
}

/// Length of the UTF-8 character at text[at] that a terminal shows as such; 0 for anything else.
std::size_t shown_size(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first >= 0x20 && first < 0x7f) return 1;
  const std::size_t size = first >= 0xf0 && first < 0xf5   ? 4
                           : first >= 0xe0 && first < 0xf0 ? 3
                           : first >= 0xc2 && first < 0xe0 ? 2
                                                           : 0;
  if (size == 0 || at + size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms and the C1 control characters.
  if (first == 0xe0 && byte(at + 1) < 0xa0) return 0;
  if (first == 0xf0 && byte(at + 1) < 0x90) return 0;
  if (first == 0xc2 && byte(at + 1) < 0xa0) return 0;
  return size;
}

int terminal_rows() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 2 ? size.ws_row : 24;
}

}  // namespace

namespace colour {
std::string red(const Style& style, std::string_view text) {
  return marked(style, 'r', text);
}
std::string green(const Style& style, std::string_view text) {
  return marked(style, 'g', text);
}
std::string blue(const Style& style, std::string_view text) {
  return marked(style, 'b', text);
}
std::string grey(const Style& style, std::string_view text) {
  return marked(style, 'y', text);
}
}  // namespace colour

std::string harmless(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t size = shown_size(text, at); size > 0) {
      out.append(text.substr(at, size));
      at += size;
      continue;
    }
    const auto byte = static_cast<unsigned char>(text[at++]);
    if (byte == '\n' || byte == '\t') {
      out += static_cast<char>(byte);
    } else {
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

Cancel& cancel_flag() {
  static Cancel flag{false};
  return flag;
}

std::string Output::fit(const std::string& text) const {
  if (!style.terminal) return text;
  if (!style.colour || text.find(kMark) == std::string::npos) return harmless(text);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t mark = text.find(kMark, at);
    out += harmless(std::string_view(text).substr(at, mark - at));
    if (mark == std::string::npos || mark + 1 >= text.size()) break;
    out += sequence(text[mark + 1]);
    at = mark + 2;
  }
  return out;
}

void Output::write(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (gathering_ == 0 || style.terminal) std::fflush(stdout);
}

void Output::flush() {
  const std::lock_guard lock(mutex_);
  std::fflush(stdout);
}

bool Output::ask_for_more() {
  write("--more-- (space: page, enter: line, a: all, q: end)");
  termios before{};
  tcgetattr(STDIN_FILENO, &before);
  termios raw = before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  char key = 'q';
  if (::read(STDIN_FILENO, &key, 1) != 1) key = 'q';  // Also when Ctrl-C breaks the read.
  tcsetattr(STDIN_FILENO, TCSANOW, &before);
  write("\r\x1b[K");
  return pager_.answer(key, terminal_rows()) && !cancel_flag();
}

void Output::write_paged(std::string_view text) {
  while (!text.empty() && !cancel_flag()) {
    if (pager_.full() && !ask_for_more()) {
      cancel_flag() = true;  // The command need not find what nobody will read.
      return;
    }
    const std::size_t size = pager_.take(text);
    write(text.substr(0, size));
    text.remove_prefix(size);
  }
}

void Output::out(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (progress_shown_) std::fputs("\r\x1b[K", stderr);
  progress_shown_ = false;
  if (pager_.on()) {
    write_paged(fit(text));
  } else if (style.terminal) {
    write(fit(text));
  } else {
    write(text);
  }
}

void Output::err(const std::string& line) {
  const std::lock_guard lock(mutex_);
  if (progress_shown_) std::fputs("\r\x1b[K", stderr);
  progress_shown_ = false;
  std::fflush(stdout);  // Where both go to one place, in the order of things.
  const std::string text = isatty(STDERR_FILENO) != 0 ? harmless(line) : line;
  std::fwrite((text + "\n").data(), 1, text.size() + 1, stderr);
}

void Output::event(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (before_event) before_event();
  std::fflush(stdout);
  FILE* stream = style.zkcli || style.interactive || style.json ? stdout : stderr;
  const std::string fitting = fit(text);
  std::fwrite(fitting.data(), 1, fitting.size(), stream);
  std::fflush(stream);
  if (after_event) after_event();
}

void Output::json(const Json& document) {
  out(document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

bool Output::shows_progress() const {
  return !style.json && isatty(STDERR_FILENO) != 0;
}

void Output::progress(const std::string& text) {
  if (!shows_progress()) return;
  const std::lock_guard lock(mutex_);
  std::fprintf(stderr, "\r%s\x1b[K", text.c_str());
  std::fflush(stderr);
  progress_shown_ = true;
}

void Output::begin_command(bool paged) {
  const std::lock_guard lock(mutex_);
  pager_.begin(paged && style.terminal && style.interactive && !style.zkcli, terminal_rows());
}

}  // namespace quorate::shell
