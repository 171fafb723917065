#include "shell/line.h"

#include <algorithm>
#include <charconv>

namespace quorate::shell {

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  std::size_t at = 0;
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (true) {
    while (at < line.size() && blank(line[at])) ++at;
    if (at == line.size()) return words;
    const char quote = line[at];
    const std::size_t close =
        quote == '"' || quote == '\'' ? line.find(quote, at + 1) : std::string_view::npos;
    if (close != std::string_view::npos) {
      words.emplace_back(line.substr(at + 1, close - at - 1));
      at = close + 1;
      continue;
    }
    const std::size_t begin = at;
    while (at < line.size() && !blank(line[at])) ++at;
    words.emplace_back(line.substr(begin, at - begin));
  }
}

std::optional<Arguments> parse_arguments(const std::vector<std::string>& words,
                                         const std::vector<OptionSpec>& options) {
  Arguments out;
  bool options_over = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (options_over || word.size() < 2 || word[0] != '-') {
      out.words.push_back(word);
      continue;
    }
    if (word == "--") {
      options_over = true;
      continue;
    }
    // "-sw" is "-s -w"; an option with a value must be the last of its word.
    for (std::size_t letter = 1; letter < word.size(); ++letter) {
      const auto spec = std::find_if(options.begin(), options.end(), [&](const OptionSpec& each) {
        return each.letter == word[letter];
      });
      if (spec == options.end()) return std::nullopt;
      std::string value;
      if (spec->takes_value) {
        if (letter + 1 != word.size() || i + 1 == words.size()) return std::nullopt;
        value = words[++i];
      }
      out.options[spec->letter] = value;
      if (spec->takes_value) break;
    }
  }
  return out;
}

std::optional<int> parse_int(std::string_view text) {
  int value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace quorate::shell
