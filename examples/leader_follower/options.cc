#include "examples/leader_follower/options.h"

#include <algorithm>
#include <cstdio>
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
    "       leader_follower --generate LINES [--seed N] FILE\n";

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

bool parse(int argc, char** argv, Options& options) {
  for (int at = 1; at < argc; ++at) {
    const std::string name = argv[at];
    if (set_flag(name, options)) continue;
    if (!name.starts_with("--") && options.file.empty()) {
      options.file = name;
    } else if (at + 1 == argc) {
      return false;
    } else {
      const std::string value = argv[++at];
      if (!set_text(name, value, options) && !set_number(name, value, options)) return false;
    }
  }
  if (options.wait && options.task == Task::Work) options.task = Task::Wait;
  if (options.task != Task::Work) options.id = "leader_follower";
  std::string host;
  std::uint16_t port = 0;
  if (!options.ledger.empty() && !take_address(options.ledger, host, port)) return false;
  const bool file = options.task == Task::Submit || options.task == Task::Ledger ||
                    options.task == Task::Generate;
  return is_name(options.pool) && is_name(options.id) && file == !options.file.empty();
}

}  // namespace

bool parse_options(int argc, char** argv, Options& options) {
  if (parse(argc, argv, options)) return true;
  std::fputs(kUsage, stderr);
  return false;
}

}  // namespace leader_follower
