// Both output streams: as text for people, as zkCli's text for scripts, or as JSON.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "shell/json.h"
#include "shell/pager.h"

namespace quorate::shell {

/// How answers look.
struct Style {
  bool json = false;      ///< One JSON document a line.
  bool zkcli = false;     ///< zkCli's streams, banner and exit codes.
  bool terminal = false;  ///< stdout is one: nothing that could garble it is written.
  bool colour = false;
  bool interactive = false;  ///< Lines are typed by a person.
};

/// Colours as marks inside a text; Output turns them into a terminal's, or leaves them out.
namespace colour {
std::string red(const Style& style, std::string_view text);
std::string green(const Style& style, std::string_view text);
std::string blue(const Style& style, std::string_view text);
std::string grey(const Style& style, std::string_view text);
}  // namespace colour

/// `text` without anything a terminal would take for a command: control characters and bytes that
/// are no UTF-8 become \xNN. Line ends and tabs stay.
std::string harmless(std::string_view text);

/// Set by Ctrl-C and by leaving a paged list; every wait of a command looks at it.
using Cancel = std::atomic<bool>;
Cancel& cancel_flag();

/// The mutex keeps a watch event, printed by the client's thread, from landing inside a command's
/// answer; posting to the main thread would delay it until the next input line.
class Output {
 public:
  Style style;

  /// While one lives, what goes to a file or a pipe is written in large pieces, and by flush().
  class Gathering {
   public:
    explicit Gathering(Output& output) : output_(output) { ++output_.gathering_; }
    ~Gathering() {
      --output_.gathering_;
      output_.flush();
    }
    Gathering(const Gathering&) = delete;
    Gathering& operator=(const Gathering&) = delete;

   private:
    Output& output_;
  };

  void out(const std::string& text);
  void flush();
  void err(const std::string& line);  ///< Adds the line end.
  /// A watch event or a change of the session: with zkCli's habits or typed by a person on stdout,
  /// otherwise on stderr, where it disturbs no script.
  void event(const std::string& text);
  void json(const Json& document);
  /// Passing news of a long command, one line over the last; only where a person looks.
  void progress(const std::string& text);
  bool shows_progress() const;

  /// From now on a screenful is followed by a question; begun anew for each command.
  void begin_command(bool paged);
  /// Called around what is printed while a line is being typed.
  std::function<void()> before_event;
  std::function<void()> after_event;

 private:
  void write(std::string_view text);
  void write_paged(std::string_view text);
  bool ask_for_more();
  std::string fit(const std::string& text) const;

  std::mutex mutex_;  // The streams, and the page below.
  Pager pager_;
  int gathering_ = 0;
  bool progress_shown_ = false;
};

}  // namespace quorate::shell
