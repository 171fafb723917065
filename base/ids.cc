#include "base/ids.h"

#include <charconv>

namespace quorate {

std::string hex(std::uint64_t value) {
  char text[18] = {'0', 'x'};
  auto end = std::to_chars(text + 2, text + sizeof text, value, 16).ptr;
  return {text, end};
}

}  // namespace quorate
