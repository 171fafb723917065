#include "examples/leader_follower/options.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <map>
#include <string_view>

#include "examples/leader_follower/ledger_client.h"
#include "examples/leader_follower/text.h"

namespace leader_follower {

namespace {

constexpr const char* kUsage =
    "usage: leader_follower --connect HOSTS --id NAME [--pool NAME] [--capacity N]\n"
    "                       [--ledger HOST:PORT] [--session-timeout-ms N]\n"
    "                       [--delay-ms-per-job N] [--delay-ms-per-plan N]\n"
    "       leader_follower --connect HOSTS [--pool NAME] --submit LOG [--lines-per-job N] "
    "[--wait]\n"
    "       leader_follower --connect HOSTS [--pool NAME] --wait | --results | --forget\n"
    "       leader_follower --connect HOSTS [--pool NAME] --print [--ledger HOST:PORT]\n"
    "       leader_follower --connect HOSTS [--pool NAME] --status [--json] [--ledger HOST:PORT]\n"
    "       leader_follower --serve-ledger FILE [--port N]\n"
    "       leader_follower --generate LINES [--seed N] FILE\n"
    "HOSTS: 127.0.0.1:2181 if not given. Exit codes: 0 done, 1 failed, 2 usage, 3 no server.\n";

/// What these name is a file, an address or a name: it is never empty.
constexpr const char* kTexts[] = {"--connect", "--pool",   "--id",
                                  "--ledger",  "--submit", "--serve-ledger"};
constexpr const char* kNumbers[] = {"--lines-per-job",
                                    "--capacity",
                                    "--port",
                                    "--generate",
                                    "--seed",
                                    "--session-timeout-ms",
                                    "--delay-ms-per-job",
                                    "--delay-ms-per-plan"};

template <std::size_t N>
bool is_one_of(const char* const (&names)[N], const std::string& name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool set_text(std::string_view name, const std::string& value, Options& options) {
  std::string* field = name == "--connect"        ? &options.connect
                       : name == "--pool"         ? &options.pool
                       : name == "--id"           ? &options.id
                       : name == "--ledger"       ? &options.ledger
                       : name == "--submit"       ? &options.file
                       : name == "--serve-ledger" ? &options.file
                                                  : nullptr;
  if (field == nullptr || value.empty()) return false;
  if (name == "--submit") options.task = Task::Submit;
  if (name == "--serve-ledger") options.task = Task::Ledger;
  *field = value;
  return true;
}

bool set_number(std::string_view name, const std::string& value, Options& options) {
  std::uint64_t n = 0;
  if (!take_number(std::string_view(value), n) || n > 1'000'000'000) return false;
  if (name == "--lines-per-job" && n > 0) {
    options.lines_per_job = n;
  } else if (name == "--capacity" && n > 0 && n <= 1'000) {
    options.capacity = n;
  } else if (name == "--port" && n <= 65'535) {
    options.port = n;
  } else if (name == "--generate") {
    options.task = Task::Generate;
    options.generate_lines = n;
  } else if (name == "--seed") {
    options.seed = n;
  } else if (name == "--session-timeout-ms" && n > 0) {
    options.session_timeout = std::chrono::milliseconds(n);
  } else if (name == "--delay-ms-per-job") {
    options.delay_per_job = std::chrono::milliseconds(n);
  } else if (name == "--delay-ms-per-plan") {
    options.delay_per_plan = std::chrono::milliseconds(n);
  } else {
    return false;
  }
  return true;
}

bool set_flag(const std::string& name, Options& options) {
  static const std::map<std::string, Task> tasks = {{"--print", Task::Print},
                                                    {"--results", Task::Results},
                                                    {"--forget", Task::Forget},
                                                    {"--status", Task::Status}};
  if (const auto task = tasks.find(name); task != tasks.end()) {
    options.task = task->second;
  } else if (name == "--wait") {
    options.wait = true;
  } else if (name == "--json") {
    options.json = true;
  } else {
    return false;
  }
  return true;
}

/// Part of a znode's name and of lines whose words are divided by blanks.
bool is_name(const std::string& text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  return text != "." && text != ".." && text.size() <= 100 &&
         std::all_of(text.begin(), text.end(), plain);
}

/// What is wrong with the words, or "".
std::string read_words(int argc, char** argv, Options& options) {
  for (int at = 1; at < argc; ++at) {
    const std::string name = argv[at];
    if (set_flag(name, options)) continue;
    if (!name.starts_with("--")) {
      if (!options.file.empty()) return "'" + name + "': a file was named already";
      options.file = name;
      continue;
    }
    const bool number = is_one_of(kNumbers, name);
    if (!number && !is_one_of(kTexts, name)) return name + " is not known";
    if (at + 1 == argc || std::string_view(argv[at + 1]).starts_with("--")) {
      return name + " needs a value";
    }
    const std::string value = argv[++at];
    if (number && !set_number(name, value, options)) {
      return name + " " + value + ": expected a number in its range";
    }
    if (!number && !set_text(name, value, options)) return name + " needs a value";
  }
  return "";
}

/// What the words say together.
std::string settle(Options& options) {
  if (options.wait && options.task == Task::Work) options.task = Task::Wait;
  if (options.task != Task::Work) options.id = "leader_follower";
  std::string host;
  std::uint16_t port = 0;
  if (!options.ledger.empty() && !take_address(options.ledger, host, port)) {
    return "--ledger " + options.ledger + ": expected HOST:PORT";
  }
  const bool file = options.task == Task::Submit || options.task == Task::Ledger ||
                    options.task == Task::Generate;
  if (file && options.file.empty()) return "which FILE?";
  if (!file && !options.file.empty()) return "no use for the file '" + options.file + "' here";
  if (!is_name(options.pool)) return "--pool: letters, digits, '.', '_', '-'";
  if (!is_name(options.id)) return "--id: letters, digits, '.', '_', '-'";
  return "";
}

bool asks_for_help(int argc, char** argv) {
  return std::any_of(argv + 1, argv + argc, [](const char* word) {
    return std::string_view(word) == "--help" || std::string_view(word) == "-h";
  });
}

}  // namespace

std::optional<int> parse_options(int argc, char** argv, Options& options) {
  if (argc > 0 && asks_for_help(argc, argv)) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  std::string fault = read_words(argc, argv, options);
  if (fault.empty()) fault = settle(options);
  if (fault.empty()) return std::nullopt;
  std::fprintf(stderr, "leader_follower: %s\n%s", fault.c_str(), kUsage);
  return 2;
}

}  // namespace leader_follower
