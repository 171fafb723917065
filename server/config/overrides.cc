#include "server/config/overrides.h"

#include <cctype>
#include <sstream>

#include "server/config/config_table.h"

namespace quorate::server {
namespace {

constexpr std::string_view kPrefix = "QUORATE_CFG_";
constexpr std::string_view kSystemPrefix = "zookeeper.";

bool is_upper(char c) {
  return std::isupper(static_cast<unsigned char>(c)) != 0;
}
bool is_lower_or_digit(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::islower(byte) != 0 || std::isdigit(byte) != 0;
}

/// "tickTime", or "server.1" for QUORATE_CFG_SERVER_1; empty when there is no such key.
std::string key_of(std::string_view variable) {
  for (const ConfigRow& row : config_rows()) {
    if (environment_name(row.key) == variable) return row.key;
  }
  const std::string_view member = "QUORATE_CFG_SERVER_";
  const std::string_view digits = variable.substr(std::min(member.size(), variable.size()));
  const bool is_member = variable.starts_with(member) && !digits.empty() &&
                         digits.find_first_not_of("0123456789") == std::string_view::npos;
  return is_member ? "server." + std::string(digits) : std::string();
}

void take_flags(std::string_view name, const std::string& words,
                std::vector<ConfigOverride>& found) {
  std::istringstream in(words);
  for (std::string word; in >> word;) {
    // Other -D words are for the Java machine.
    if (!word.starts_with("-Dzookeeper.") && !word.starts_with("-Djute.maxbuffer") &&
        !word.starts_with("-Djava.security.auth.login.config=")) {
      continue;
    }
    ConfigOverride one;
    if (!parse_override(word, one)) continue;
    one.where = "environment variable " + std::string(name);
    found.push_back(std::move(one));
  }
}

}  // namespace

std::string environment_name(std::string_view key) {
  std::string name(kPrefix);
  for (std::size_t i = 0; i < key.size(); ++i) {
    const char c = key[i];
    const bool starts_word = is_upper(c) && i > 0 && is_lower_or_digit(key[i - 1]);
    if (starts_word) name += '_';
    const auto byte = static_cast<unsigned char>(c);
    name += std::isalnum(byte) != 0 ? static_cast<char>(std::toupper(byte)) : '_';
  }
  return name;
}

std::vector<ConfigOverride> environment_overrides(std::span<const std::string> entries,
                                                  std::vector<std::string>& unknown) {
  std::vector<ConfigOverride> flags, variables;
  for (const std::string& entry : entries) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = entry.substr(0, equals);
    const std::string value = entry.substr(equals + 1);
    if (name == "JVMFLAGS" || name == "SERVER_JVMFLAGS") take_flags(name, value, flags);
    if (!name.starts_with(kPrefix)) continue;
    std::string key = key_of(name);
    if (key.empty()) {
      unknown.push_back(name);
      continue;
    }
    variables.push_back({std::move(key), value, "environment variable " + name});
  }
  flags.insert(flags.end(), variables.begin(), variables.end());
  return flags;
}

bool parse_override(std::string_view argument, ConfigOverride& into) {
  const std::size_t equals = argument.find('=');
  if (!argument.starts_with("-D") || equals == std::string_view::npos || equals == 2) return false;
  std::string_view key = argument.substr(2, equals - 2);
  if (key.starts_with(kSystemPrefix)) key.remove_prefix(kSystemPrefix.size());
  if (key.empty()) return false;
  into = {std::string(key), std::string(argument.substr(equals + 1)),
          "command line: " + std::string(argument)};
  return true;
}

}  // namespace quorate::server
