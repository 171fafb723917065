// Reading small texts from the front.
#pragma once

#include <charconv>
#include <string_view>

namespace leader_follower {

/// Takes the text up to `stop` off the front of `rest`; the whole of it when there is no `stop`.
inline std::string_view take_until(std::string_view& rest, char stop) {
  const std::size_t end = rest.find(stop);
  const std::string_view head = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return head;
}

/// False when `text` is not a number and nothing else.
template <class Number>
bool take_number(std::string_view text, Number& value) {
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  return fault == std::errc() && end == text.data() + text.size();
}

}  // namespace leader_follower
