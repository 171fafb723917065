#include "examples/pipeline/program/arguments.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace pipeline_program {

Arguments::Arguments(int argc, char** argv, const std::set<std::string>& flags) {
  if (argc > 1) command_ = argv[1];
  help_ = command_ == "help" || command_ == "--help" || command_ == "-h";
  for (int at = 2; at < argc; ++at) {
    const std::string word = argv[at];
    if (word == "--help" || word == "-h") {
      help_ = true;
    } else if (!word.starts_with("--")) {
      files_.push_back(word);
    } else if (flags.count(word) != 0) {
      values_[word] = "yes";
    } else if (at + 1 < argc && !std::string_view(argv[at + 1]).starts_with("--")) {
      values_[word] = argv[++at];
    } else {
      values_[word] = "";
      note(word + " needs a value");
    }
  }
}

const std::vector<std::string>& Arguments::files() {
  files_asked_ = true;
  return files_;
}

std::string Arguments::text(const std::string& name, const std::string& missing) {
  asked_.insert(name);
  const auto at = values_.find(name);
  return at == values_.end() ? missing : at->second;
}

std::uint64_t Arguments::number(const std::string& name, std::uint64_t missing,
                                std::uint64_t most) {
  const std::string value = text(name);
  if (value.empty()) return missing;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error == std::errc::invalid_argument || end != value.data() + value.size()) {
    note(name + ": " + value + " is no number");
  } else if (error != std::errc() || number > most) {
    note(name + ": at most " + std::to_string(most) + ", not " + value);
  }
  return number;
}

double Arguments::share(const std::string& name, double missing) {
  const std::string value = text(name);
  if (value.empty()) return missing;
  char* end = nullptr;
  const double share = std::strtod(value.c_str(), &end);
  if (*end != '\0' || !(share >= 0) || std::isinf(share)) {
    note(name + ": " + value + " is no number");
  }
  return share;
}

bool Arguments::flag(const std::string& name) {
  return !text(name).empty();
}

void Arguments::note(const std::string& fault) {
  if (fault_.empty()) fault_ = fault;
}

std::string Arguments::fault() const {
  for (const auto& [name, value] : values_) {
    if (asked_.count(name) == 0) return command_ + " knows no " + name;
  }
  if (!fault_.empty()) return fault_;
  if (!files_asked_ && !files_.empty())
    return command_ + " has no use for '" + files_.front() + "'";
  return "";
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 100 && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
         });
}

}  // namespace pipeline_program
