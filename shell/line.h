// One input line: words, options, arguments.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quorate::shell {

/// Splits at blanks; words may stand in "..." or '...', which are taken off; no escapes. A quote
/// that is not closed is an ordinary character.
std::vector<std::string> split_words(std::string_view line);

/// An option of a command: "-s", or "-v n" when it takes a value.
struct OptionSpec {
  char letter = 0;
  bool takes_value = false;
};

struct Arguments {
  std::map<char, std::string> options;  ///< By letter; "" for those without a value.
  std::vector<std::string> words;       ///< The rest, in order.

  bool has(char letter) const { return options.count(letter) != 0; }
};

/// Sorts `words` (without the command's name) into options, which may stand anywhere, and the rest;
/// "--" ends the options, "-" alone is a word. Nothing when an option is unknown or lacks its
/// value.
std::optional<Arguments> parse_arguments(const std::vector<std::string>& words,
                                         const std::vector<OptionSpec>& options);

/// A whole decimal number, with sign; nothing when it is anything else or does not fit.
std::optional<int> parse_int(std::string_view text);

}  // namespace quorate::shell
