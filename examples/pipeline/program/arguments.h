// The command line: `command --name value --flag FILE...`.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace pipeline_program {

/// Reads all arguments first; then every command asks for those it knows, and for those() left.
class Arguments {
 public:
  /// `flags` are the names that take no value.
  Arguments(int argc, char** argv, const std::set<std::string>& flags);

  const std::string& command() const { return command_; }
  const std::vector<std::string>& files() const { return files_; }

  std::string text(const std::string& name, const std::string& missing = "");
  std::uint64_t number(const std::string& name, std::uint64_t missing);
  double share(const std::string& name, double missing);  ///< A number with a fraction.
  bool flag(const std::string& name);

  /// "" if all was understood; else what was not. Ask it last.
  std::string fault() const;

 private:
  std::string command_;
  std::vector<std::string> files_;
  std::map<std::string, std::string> values_;
  std::set<std::string> asked_;
  std::string fault_;
};

}  // namespace pipeline_program
