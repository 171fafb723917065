#include "examples/pipeline/program/arguments.h"

#include <cstdlib>

namespace pipeline_program {

Arguments::Arguments(int argc, char** argv, const std::set<std::string>& flags) {
  if (argc > 1) command_ = argv[1];
  for (int at = 2; at < argc; ++at) {
    const std::string word = argv[at];
    if (!word.starts_with("--")) {
      files_.push_back(word);
    } else if (flags.count(word) != 0) {
      values_[word] = "yes";
    } else if (at + 1 < argc) {
      values_[word] = argv[++at];
    } else {
      fault_ = word + " needs a value";
    }
  }
}

std::string Arguments::text(const std::string& name, const std::string& missing) {
  asked_.insert(name);
  const auto at = values_.find(name);
  return at == values_.end() ? missing : at->second;
}

std::uint64_t Arguments::number(const std::string& name, std::uint64_t missing) {
  const std::string value = text(name);
  if (value.empty()) return missing;
  char* end = nullptr;
  const unsigned long long number = std::strtoull(value.c_str(), &end, 10);
  if (*end != '\0' || value[0] == '-') fault_ = name + ": " + value + " is no number";
  return number;
}

double Arguments::share(const std::string& name, double missing) {
  const std::string value = text(name);
  if (value.empty()) return missing;
  char* end = nullptr;
  const double share = std::strtod(value.c_str(), &end);
  if (*end != '\0' || !(share >= 0)) fault_ = name + ": " + value + " is no number";
  return share;
}

bool Arguments::flag(const std::string& name) {
  return !text(name).empty();
}

std::string Arguments::fault() const {
  if (!fault_.empty()) return fault_;
  for (const auto& [name, value] : values_) {
    if (asked_.count(name) == 0) return command_ + " knows no " + name;
  }
  return "";
}

}  // namespace pipeline_program
