#include "shell/editor.h"

#include <histedit.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cwchar>

#include "shell/completion.h"
#include "shell/four_letter.h"
#include "shell/input.h"
#include "shell/prompt.h"

namespace quorate::shell {

namespace {

constexpr int kHistoryLines = 2000;
constexpr std::size_t kListedMax = 120;
constexpr auto kServerPatience = std::chrono::milliseconds(300);

std::atomic<bool> g_resized{false};  // Set by the signal handler, which can reach nothing else.

std::string history_file() {
  const char* home = std::getenv("HOME");
  return home == nullptr ? "" : std::string(home) + "/.quorate_history";
}

int terminal_columns() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

/// libedit calls plain functions; they find this object through EL_CLIENTDATA.
class Editor::Terminal {
 public:
  explicit Terminal(Session& session);
  ~Terminal();

  /// The next line; nothing at the end of input. Ctrl-C gives an empty line.
  bool read_line(std::string& line);
  void remember(const std::string& line);
  void session_changed() {
    role_old_ = true;
    changed_ = true;
  }

  Session& session;

 private:
  static Terminal& of(EditLine* el) {
    void* self = nullptr;
    el_get(el, EL_CLIENTDATA, &self);
    return *static_cast<Terminal*>(self);
  }
  static char* prompt(EditLine* el) {
    Terminal& self = of(el);
    self.prompt_ = self.prompt_now();
    return self.prompt_.data();
  }
  static char* hint(EditLine* el) {
    Terminal& self = of(el);
    self.hint_ = self.hint_text();
    return self.hint_.data();
  }
  static int read_char(EditLine* el, wchar_t* out) { return of(el).next_char(out); }
  static unsigned char complete_key(EditLine* el, int) { return of(el).complete_here(); }

  std::string prompt_now();
  std::string hint_text();
  int next_char(wchar_t* out);
  unsigned char complete_here();
  std::string line_to_cursor() const;
  bool in_one_row() const;
  void draw_anew();
  void list_candidates(const Completion& found);
  void look_for_role();
  void watch_events();

  EditLine* el_ = nullptr;
  History* history_ = nullptr;
  std::string prompt_;
  std::string hint_;
  std::string role_server_;  ///< Whom role_ is about.
  std::string role_;
  bool interrupted_ = false;
  std::atomic<bool> reading_{false};   // A line is being typed; events must step around it.
  std::atomic<bool> role_old_{false};  // The session has changed since; set by the client's thread.
  std::atomic<bool> changed_{false};   // The prompt is out of date; set by the client's thread.
};

Editor::Terminal::Terminal(Session& the_session) : session(the_session) {
  std::signal(SIGWINCH, [](int) { g_resized = true; });
  el_ = el_init("quorate-shell", stdin, stdout, stderr);
  history_ = history_init();
  HistEvent event;
  history(history_, &event, H_SETSIZE, kHistoryLines);
  history(history_, &event, H_SETUNIQUE, 1);
  if (!history_file().empty()) history(history_, &event, H_LOAD, history_file().c_str());
  el_set(el_, EL_CLIENTDATA, this);
  el_set(el_, EL_EDITOR, "emacs");
  el_set(el_, EL_HIST, ::history, history_);
  el_set(el_, EL_PROMPT_ESC, prompt, '\1');
  el_set(el_, EL_RPROMPT_ESC, hint, '\1');
  el_set(el_, EL_GETCFN, read_char);
  el_set(el_, EL_ADDFN, "quorate-complete", "complete the word", complete_key);
  el_set(el_, EL_BIND, "^I", "quorate-complete", nullptr);
  el_set(el_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_set(el_, EL_BIND, "^W", "ed-delete-prev-word", nullptr);
  el_set(el_, EL_BIND, "\\e[1;5C", "em-next-word", nullptr);
  el_set(el_, EL_BIND, "\\e[1;5D", "ed-prev-word", nullptr);
  el_set(el_, EL_BIND, "\\e[3~", "ed-delete-next-char", nullptr);
  el_set(el_, EL_BIND, "\\e[H", "ed-move-to-beg", nullptr);
  el_set(el_, EL_BIND, "\\e[F", "ed-move-to-end", nullptr);
  el_source(el_, nullptr);  // ~/.editrc: a person's own keys.
  watch_events();
}

Editor::Terminal::~Terminal() {
  session.output.before_event = nullptr;
  session.output.after_event = nullptr;
  HistEvent event;
  if (const std::string file = history_file(); !file.empty()) {
    ::umask(077);  // Lines may hold passwords.
    history(history_, &event, H_SAVE, file.c_str());
  }
  history_end(history_);
  el_end(el_);
}

/// What the client's thread prints goes above the line being typed, which is then drawn anew.
void Editor::Terminal::watch_events() {
  session.output.before_event = [this] {
    if (reading_) std::fputs("\r\x1b[K", stdout);
  };
  session.output.after_event = [this] {
    if (reading_) changed_ = true;
  };
}

void Editor::Terminal::look_for_role() {
  const std::string server = session.remote.server();
  if (server.empty() || (!role_old_.exchange(false) && server == role_server_)) return;
  role_server_ = server;
  std::string fault;
  const auto fields = answer_fields(four_letter(server, "srvr", kServerPatience, fault));
  const auto mode = fields.find("Mode");
  role_ = mode == fields.end() ? "" : mode->second;
}

std::string Editor::Terminal::prompt_now() {
  Situation now;
  now.state = session.remote.state();
  now.servers = session.remote.options().servers;
  now.server = session.remote.server();
  now.role = now.server == role_server_ ? role_ : "";
  now.directory = session.directory;
  now.lines = session.history.size();
  return prompt_text(session.style(), now);
}

std::string Editor::Terminal::hint_text() {
  if (session.style().zkcli) return "";
  std::string text = argument_hint(line_to_cursor());
  const std::size_t width = static_cast<std::size_t>(terminal_columns());
  if (text.size() > width / 2) return "";  // It would push the line around.
  if (text.empty() || !session.style().colour) return text;
  return "\1\x1b[90m\1" + text + "\1\x1b[0m\1";
}

int Editor::Terminal::next_char(wchar_t* out) {
  std::mbstate_t shift{};
  // A typed character is drawn without the hint beside it.
  if (hint_text() != hint_ && in_one_row()) draw_anew();
  while (true) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    const int ready = ::poll(&input, 1, 100);
    if (cancel_flag()) {
      cancel_flag() = false;
      interrupted_ = true;
      std::fputs("^C", stdout);
      return 0;
    }
    if (g_resized.exchange(false)) {
      el_resize(el_);
      changed_ = true;
    }
    if (changed_.exchange(false)) {
      look_for_role();
      draw_anew();
    }
    if (ready <= 0) continue;
    char byte = 0;
    if (::read(STDIN_FILENO, &byte, 1) != 1) return 0;
    const std::size_t size = std::mbrtowc(out, &byte, 1, &shift);
    if (size == static_cast<std::size_t>(-2)) continue;  // More bytes of this character follow.
    if (size == static_cast<std::size_t>(-1)) {
      shift = std::mbstate_t{};
      continue;
    }
    return 1;
  }
}

std::string Editor::Terminal::line_to_cursor() const {
  const LineInfo* info = el_line(el_);
  return std::string(info->buffer, info->cursor);
}

bool Editor::Terminal::in_one_row() const {
  const LineInfo* info = el_line(el_);
  const auto typed = static_cast<std::size_t>(info->lastchar - info->buffer);
  return shown_width(prompt_) + typed < static_cast<std::size_t>(terminal_columns());
}

/// libedit takes it that the cursor stands where a prompt may begin.
void Editor::Terminal::draw_anew() {
  std::fputs(in_one_row() ? "\r\x1b[K" : "\r\n", stdout);
  el_set(el_, EL_REFRESH);
}

unsigned char Editor::Terminal::complete_here() {
  const std::string line = line_to_cursor();
  const auto children = [this](const std::string& path) {
    if (session.remote.server().empty()) return std::vector<std::string>();
    return session.remote.get_children(path, {}, kServerPatience).value.children;
  };
  const Completion found = complete(line, session.directory, children);
  if (found.candidates.empty()) return CC_REFRESH_BEEP;
  std::string text = found.shared().substr(line.size() - found.begin);
  if (found.candidates.size() == 1) {
    const std::string& only = found.candidates.front();
    // A node with children: more of the path may follow.
    const bool more =
        found.paths && !only.ends_with('/') &&
        !children(absolute_path(session.directory.empty() ? "/" : session.directory, only)).empty();
    if (!only.ends_with('/')) text += more ? "/" : " ";
  }
  if (!text.empty()) return el_insertstr(el_, text.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  list_candidates(found);
  return CC_REDISPLAY;
}

/// Below the line; names of paths without the part already typed.
void Editor::Terminal::list_candidates(const Completion& found) {
  std::vector<std::string> names;
  for (const std::string& each : found.candidates) {
    names.push_back(harmless(found.paths ? last_name(each) : each));
  }
  const auto width = static_cast<std::size_t>(terminal_columns());
  std::fputs(("\n" + in_columns(names, width, kListedMax)).c_str(), stdout);
  std::fflush(stdout);
}

bool Editor::Terminal::read_line(std::string& line) {
  look_for_role();
  int count = 0;
  interrupted_ = false;
  cancel_flag() = false;
  changed_ = false;
  reading_ = true;
  const char* text = el_gets(el_, &count);
  reading_ = false;
  line.clear();
  if (interrupted_) {
    el_reset(el_);
    std::fputs("\n", stdout);
    return true;
  }
  if (text == nullptr || count <= 0) return false;
  line.assign(text, static_cast<std::size_t>(count));
  while (line.ends_with('\n')) line.pop_back();
  return true;
}

void Editor::Terminal::remember(const std::string& line) {
  HistEvent event;
  history(history_, &event, H_ENTER, line.c_str());
}

Editor::Editor(Session& session) : terminal_(std::make_unique<Terminal>(session)) {}
Editor::~Editor() = default;

void Editor::session_changed() {
  terminal_->session_changed();
}

Exit Editor::run() {
  Session& session = terminal_->session;
  Exit last = Exit::Ok;
  std::string line;
  while (!session.quit) {
    if (!terminal_->read_line(line)) {
      session.output.out("\n");
      break;
    }
    if (split_words(line).empty()) continue;
    if (may_be_kept(line)) terminal_->remember(line);
    const Exit now = run_line(session, line);
    cancel_flag() = false;
    if (!session.quit) last = now;
  }
  return last;
}

}  // namespace quorate::shell
