// One input line: words, options, arguments, paths.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quorate::shell {

/// Splits at blanks; words may stand in "..." or '...', which are taken off; no escapes. A quote
/// that is not closed is an ordinary character.
std::vector<std::string> split_words(std::string_view line);

/// An option of a command: "-s", or "-v version" when it takes a value. Names of more than one
/// letter may be written with one or two dashes.
struct OptionSpec {
  const char* name = "";
  const char* value = "";  ///< What the value is called in help; "" for an option without one.
  const char* help = "";

  bool takes_value() const { return *value != '\0'; }
};

struct Arguments {
  std::map<std::string, std::string, std::less<>> options;  ///< "" for those without a value.
  std::vector<std::string> words;                           ///< The rest, in order.

  bool has(std::string_view name) const { return options.find(name) != options.end(); }
  /// The value of an option, or `otherwise` when it was not given.
  std::string value(std::string_view name, std::string otherwise = "") const;
  std::string word(std::size_t at, std::string otherwise = "") const;
};

/// Sorts `words` (without the command's name) into options, which may stand anywhere, and the rest;
/// "--" ends the options, "-" alone and negative numbers are words. Nothing, and the reason in
/// `fault`, when an option is unknown or lacks its value.
std::optional<Arguments> parse_arguments(const std::vector<std::string>& words,
                                         const std::vector<OptionSpec>& options,
                                         std::string& fault);

/// Whether a typed line may be kept in a file: not one that holds a password.
bool may_be_kept(std::string_view line);

/// A whole decimal number, with sign; nothing when it is anything else or does not fit.
std::optional<int> parse_int(std::string_view text);
std::optional<std::int64_t> parse_int64(std::string_view text, int base = 10);

/// `path` as seen from `directory`: "..", "." and a leading name without '/' are understood.
std::string absolute_path(const std::string& directory, const std::string& path);

/// "/a" + "b" = "/a/b", "/" + "b" = "/b".
std::string child_path(const std::string& parent, std::string_view name);
/// "/a/b" -> "/a", "/a" -> "/"; and the last name.
std::string parent_path(const std::string& path);
std::string last_name(const std::string& path);

/// Why `path` names no znode, in zkCli's words; "" when it does. One that ends in '/' is no fault
/// for a `sequential` create.
std::string path_fault(const std::string& path, bool sequential = false);

}  // namespace quorate::shell
