#include "shell/pager.h"

namespace quorate::shell {

void Pager::begin(bool on, int rows) {
  on_ = on;
  rows_ = rows;
  printed_ = 0;
}

std::size_t Pager::take(std::string_view text) {
  if (!on_) return text.size();
  std::size_t at = 0;
  while (at < text.size() && !full()) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos) return text.size();
    ++printed_;
    at = end + 1;
  }
  return at;
}

bool Pager::answer(char key, int rows) {
  rows_ = rows;  // The window may have changed while the page was read.
  if (key == 'a') {
    on_ = false;
    return true;
  }
  printed_ = key == '\n' ? rows_ - 2 : 0;
  return key == ' ' || key == '\n';
}

}  // namespace quorate::shell
