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

std::string Arguments::value(std::string_view name, std::string otherwise) const {
  const auto found = options.find(name);
  return found == options.end() ? std::move(otherwise) : found->second;
}

std::string Arguments::word(std::size_t at, std::string otherwise) const {
  return at < words.size() ? words[at] : std::move(otherwise);
}

namespace {

const OptionSpec* find_option(const std::vector<OptionSpec>& options, std::string_view name) {
  const auto found = std::find_if(options.begin(), options.end(),
                                  [&](const OptionSpec& each) { return name == each.name; });
  return found == options.end() ? nullptr : &*found;
}

bool is_word(const std::string& text) {
  return text.size() < 2 || text[0] != '-' || parse_int64(text).has_value();
}

/// Reads the option words[at], with its value in the same or the next word.
class OptionReader {
 public:
  OptionReader(const std::vector<std::string>& words, const std::vector<OptionSpec>& options)
      : words_(words), options_(options) {}

  bool read(std::size_t& at, Arguments& out, std::string& fault) const {
    std::string name = words_[at].substr(words_[at].starts_with("--") ? 2 : 1);
    if (const std::size_t equals = name.find('='); equals != std::string::npos) {
      const std::string value = name.substr(equals + 1);
      name.resize(equals);
      const OptionSpec* spec = find_option(options_, name);
      if (spec == nullptr || !spec->takes_value()) return unknown(words_[at], fault);
      out.options[name] = value;
      return true;
    }
    if (const OptionSpec* spec = find_option(options_, name)) return take(*spec, at, out, fault);
    if (words_[at].starts_with("--")) return unknown(words_[at], fault);
    return read_letters(name, at, out, fault);
  }

 private:
  /// "-sw" is "-s -w"; an option with a value must be the last of its word.
  bool read_letters(const std::string& letters, std::size_t& at, Arguments& out,
                    std::string& fault) const {
    for (std::size_t i = 0; i < letters.size(); ++i) {
      const OptionSpec* spec = find_option(options_, letters.substr(i, 1));
      const bool last = i + 1 == letters.size();
      if (spec == nullptr || (spec->takes_value() && !last)) return unknown(words_[at], fault);
      if (!take(*spec, at, out, fault)) return false;
    }
    return true;
  }

  bool take(const OptionSpec& spec, std::size_t& at, Arguments& out, std::string& fault) const {
    if (!spec.takes_value()) {
      out.options[spec.name];
      return true;
    }
    if (at + 1 == words_.size()) {
      fault = std::string("-") + spec.name + " needs a value: " + spec.value;
      return false;
    }
    out.options[spec.name] = words_[++at];
    return true;
  }

  static bool unknown(const std::string& word, std::string& fault) {
    fault = "unknown option " + word;
    return false;
  }

  const std::vector<std::string>& words_;
  const std::vector<OptionSpec>& options_;
};

}  // namespace

std::optional<Arguments> parse_arguments(const std::vector<std::string>& words,
                                         const std::vector<OptionSpec>& options,
                                         std::string& fault) {
  Arguments out;
  const OptionReader reader(words, options);
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (words[at] == "--") {
      out.words.insert(out.words.end(), words.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                       words.end());
      break;
    }
    if (is_word(words[at])) {
      out.words.push_back(words[at]);
    } else if (!reader.read(at, out, fault)) {
      return std::nullopt;
    }
  }
  return out;
}

bool may_be_kept(std::string_view line) {
  const std::vector<std::string> words = split_words(line);
  return !words.empty() && words.front() != "addauth";
}

std::optional<int> parse_int(std::string_view text) {
  int value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_int64(std::string_view text, int base) {
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string absolute_path(const std::string& directory, const std::string& path) {
  // A path that is absolute already is left as it is: it may be wrong in a way to be told.
  if (path.starts_with('/') && path.find("/.") == std::string::npos) return path;
  const std::string whole = path.starts_with('/') ? path : directory + "/" + path;
  std::vector<std::string> names;
  std::size_t at = 0;
  while (at < whole.size()) {
    const std::size_t end = std::min(whole.find('/', at), whole.size());
    const std::string name = whole.substr(at, end - at);
    at = end + 1;
    if (name == ".." && !names.empty()) names.pop_back();
    if (name.empty() || name == "." || name == "..") continue;
    names.push_back(name);
  }
  std::string out;
  for (const std::string& name : names) out += "/" + name;
  return out.empty() ? "/" : out;
}

std::string child_path(const std::string& parent, std::string_view name) {
  std::string path = parent == "/" ? "" : parent;
  path += '/';
  path += name;
  return path;
}

std::string parent_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string last_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::string path_fault(const std::string& path, bool sequential) {
  if (!path.starts_with('/')) return "Path must start with / character";
  if (path.size() > 1 && path.ends_with('/') && !sequential) {
    return "Path must not end with / character";
  }
  const auto invalid = [&](const char* why, std::size_t at) {
    return "Invalid path string \"" + path + "\" caused by " + why + " @" + std::to_string(at);
  };
  for (std::size_t at = 1; at < path.size(); ++at) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view name = std::string_view(path).substr(at, end - at);
    if (name.empty()) return invalid("empty node name specified", at);
    if (name == "." || name == "..") {
      return invalid("relative paths not allowed", at + name.size() - 1);
    }
    if (name.find('\0') != std::string_view::npos) return invalid("null character not allowed", at);
    at = end;
  }
  return "";
}

}  // namespace quorate::shell
