// The command line: `command --name value --flag FILE...`.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pipeline_program {

/// Reads all arguments first; then every command asks for those it knows, and for fault().
class Arguments {
 public:
  /// `flags` are the names that take no value.
  Arguments(int argc, char** argv, const std::set<std::string>& flags);

  const std::string& command() const { return command_; }
  /// "help", or --help or -h anywhere.
  bool asks_for_help() const { return help_; }
  /// Words that belong to no name. Who does not ask for them takes none.
  const std::vector<std::string>& files();

  std::string text(const std::string& name, const std::string& missing = "");
  std::uint64_t number(const std::string& name, std::uint64_t missing,
                       std::uint64_t most = std::numeric_limits<std::uint64_t>::max());
  double share(const std::string& name, double missing);  ///< A number with a fraction.
  bool flag(const std::string& name);

  /// "" if all was understood; else what was not. Ask it last.
  std::string fault() const;

 private:
  void note(const std::string& fault);

  std::string command_;
  bool help_ = false;
  bool files_asked_ = false;
  std::vector<std::string> files_;
  std::map<std::string, std::string> values_;
  std::set<std::string> asked_;
  std::string fault_;  ///< The first.
};

/// Letters, digits, '.', '_', '-', at most 100, and neither "." nor "..": part of a path, of a
/// topic's name.
bool is_name(std::string_view text);

}  // namespace pipeline_program
