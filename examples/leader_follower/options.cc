#include "examples/leader_follower/options.h"

#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>

namespace leader_follower {

namespace {

constexpr const char* kUsage =
    "usage: leader_follower --connect HOSTS --log FILE --id NAME [--job NAME] [--lines-per-shard "
    "N]\n"
    "                       [--out FILE] [--session-timeout-ms N] [--delay-ms-per-shard N]\n"
    "       leader_follower --connect HOSTS [--job NAME] --print\n"
    "       leader_follower --generate LINES [--seed N] FILE\n";

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool set_text(const std::string& name, const std::string& value, Options& options) {
  std::string* field = name == "--connect" ? &options.connect
                       : name == "--job"   ? &options.job
                       : name == "--log"   ? &options.log
                       : name == "--id"    ? &options.id
                       : name == "--out"   ? &options.out
                                           : nullptr;
  if (field == nullptr || value.empty()) return false;
  *field = value;
  return true;
}

bool set_number(const std::string& name, const std::string& value, Options& options) {
  const std::optional<std::uint64_t> n = number(value);
  if (!n || *n > 1'000'000'000) return false;
  if (name == "--lines-per-shard" && *n > 0) {
    options.lines_per_shard = *n;
  } else if (name == "--generate") {
    options.task = Task::Generate;
    options.generate_lines = *n;
  } else if (name == "--seed") {
    options.seed = *n;
  } else if (name == "--session-timeout-ms" && *n > 0) {
    options.session_timeout = std::chrono::milliseconds(*n);
  } else if (name == "--delay-ms-per-shard") {
    options.delay_per_shard = std::chrono::milliseconds(*n);
  } else {
    return false;
  }
  return true;
}

bool is_name(const std::string& text) {
  return text.find('/') == std::string::npos && text != "." && text != "..";
}

bool parse(int argc, char** argv, Options& options) {
  for (int at = 1; at < argc; ++at) {
    const std::string name = argv[at];
    if (name == "--print") {
      options.task = Task::Print;
    } else if (!name.starts_with("--") && options.log.empty()) {
      options.log = name;
    } else if (at + 1 == argc) {
      return false;
    } else {
      const std::string value = argv[++at];
      if (!set_text(name, value, options) && !set_number(name, value, options)) return false;
    }
  }
  if (!is_name(options.job) || !is_name(options.id)) return false;
  return options.task == Task::Print || !options.log.empty();
}

}  // namespace

bool parse_options(int argc, char** argv, Options& options) {
  if (parse(argc, argv, options)) return true;
  std::fputs(kUsage, stderr);
  return false;
}

}  // namespace leader_follower
