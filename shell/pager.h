// A long list page by page: what still fits on the screen, and what a key means. No terminal.
#pragma once

#include <cstddef>
#include <string_view>

namespace quorate::shell {

class Pager {
 public:
  /// Begins a list on a screen of so many rows; not `on`: everything fits.
  void begin(bool on, int rows);
  bool on() const { return on_; }

  /// How many bytes of `text`, whole lines while there are some, fit before the question must be
  /// asked; they count as printed.
  std::size_t take(std::string_view text);
  bool full() const { return on_ && printed_ >= rows_ - 1; }

  /// The answer to the question, on a screen of so many rows by now: space a page, enter a line,
  /// 'a' all the rest; false for 'q' and whatever else ends it.
  bool answer(char key, int rows);

 private:
  bool on_ = false;
  int rows_ = 0;
  int printed_ = 0;
};

}  // namespace quorate::shell
