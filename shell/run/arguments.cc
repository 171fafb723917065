#include "shell/run/arguments.h"

#include <charconv>
#include <cmath>
#include <string_view>

namespace quorate::run {

namespace {

std::optional<std::chrono::milliseconds> seconds_in(std::string_view text) {
  double seconds = 0;
  const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (fault != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  if (!(seconds >= 0) || seconds > 1e6) return std::nullopt;
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

/// Puts `value` where the option `name` wants it; the complaint when it does not fit.
std::string take(Arguments& to, std::string_view name, std::string_view value) {
  if (name == "--connect") return to.servers = value, "";
  if (name == "--id") return to.id = value, "";
  if (name == "--lock" || name == "--elect") {
    if (!to.path.empty()) return "only one of --lock and --elect";
    if (!value.starts_with('/')) return std::string(name) + ": the path must begin with '/'";
    to.path = value;
    to.elect = name == "--elect";
    return "";
  }
  const auto time = seconds_in(value);
  if (!time) return std::string(name) + ": seconds expected, not '" + std::string(value) + "'";
  if (name == "--session") to.session = *time;
  if (name == "--connect-timeout") to.connect = *time;
  if (name == "--wait") to.wait = *time;
  if (name == "--grace") to.grace = *time;
  return "";
}

bool takes_value(std::string_view name) {
  for (const char* known : {"--connect", "--id", "--lock", "--elect", "--session",
                            "--connect-timeout", "--wait", "--grace"}) {
    if (name == known) return true;
  }
  return false;
}

}  // namespace

const char* usage() {
  return "usage: quorate-run [options] --lock PATH  -- COMMAND [ARGUMENT...]\n"
         "       quorate-run [options] --elect PATH -- COMMAND [ARGUMENT...]\n"
         "Runs COMMAND only while this process holds the lock or leads. The command finds its "
         "fencing\n"
         "token in QUORATE_FENCING_TOKEN. When the session is suspended its process group is "
         "stopped:\n"
         "SIGTERM, and SIGKILL after the grace. --lock then ends with 76; --elect stands again.\n"
         "  --connect HOSTS          host:port,...[/chroot]            (127.0.0.1:2181)\n"
         "  --id TEXT                told to others by the lock's znode (host name and process "
         "id)\n"
         "  --wait SECONDS           for the lock; then exit 75        (0: for ever)\n"
         "  --session SECONDS        session timeout                   (10)\n"
         "  --grace SECONDS          between SIGTERM and SIGKILL       (a quarter of the "
         "session's)\n"
         "  --connect-timeout SECONDS  for the first server; then exit 3 (30; 0: for ever)\n"
         "  --quiet                  say nothing but errors\n";
}

Parsed parse(int argc, char** argv) {
  Arguments arguments;
  int at = 1;
  for (; at < argc; ++at) {
    const std::string_view word = argv[at];
    if (word == "--") break;
    if (word == "--help" || word == "-h") return {};
    if (word == "--quiet") {
      arguments.quiet = true;
      continue;
    }
    if (!takes_value(word)) return {std::nullopt, "unknown option " + std::string(word)};
    if (at + 1 >= argc) return {std::nullopt, std::string(word) + " needs a value"};
    const std::string complaint = take(arguments, word, argv[++at]);
    if (!complaint.empty()) return {std::nullopt, complaint};
  }
  for (++at; at < argc; ++at) arguments.command.emplace_back(argv[at]);
  if (arguments.path.empty()) return {std::nullopt, "--lock PATH or --elect PATH is missing"};
  if (arguments.command.empty()) return {std::nullopt, "no command behind --"};
  return {std::move(arguments), ""};
}

}  // namespace quorate::run
