#include "tests/bench/settings.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>

namespace quorate::bench {
namespace {

constexpr const char* kUsage =
    "usage: quorate-bench [MODE] [--connect HOST:PORT,...] [--connections N] [--depth N]\n"
    "                     [--seconds S] [--warmup S] [--read-percent P] [--size BYTES] [--keys N]\n"
    "                     [--rate R] [--count N] [--rounds N] [--slow-ms MS] [--pids PID,...]\n"
    "                     [--json] [--svg FILE]\n"
    "modes:\n"
    "  mix       getData for P of 100 requests, setData otherwise, on nodes below /bench "
    "(default)\n"
    "  get, set  mix with 100 and with 0 percent reads\n"
    "  create    makes --count nodes of --size bytes below /bench\n"
    "  sessions  opens --count sessions, then keeps them alive for --seconds\n"
    "  watch     --count connections watch one node; --rounds changes of it\n"
    "  wait      until the server serves a session (at most --seconds), then counts its nodes\n"
    "A closed loop keeps N requests in flight on each connection. With --rate an open loop sends "
    "R\n"
    "requests a second whatever the server does, and a latency counts from the moment at which "
    "its\n"
    "request was due, so that a pause of the server shows in all requests it delayed.\n"
    "Latencies are in microseconds. CPU is that of quorate-bench and of the given processes.\n"
    "Exit code 1 when an operation failed.\n";

[[noreturn]] void refuse(const std::string& what) {
  std::fprintf(stderr, "quorate-bench: %s\n%s", what.c_str(), kUsage);
  std::exit(2);
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

double number(const std::string& option, const std::string& text, double low, double high) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high) {
    std::ostringstream message;
    message << option << " " << text << ": a number from " << low << " to " << high << " is wanted";
    refuse(message.str());
  }
  return value;
}

Mode mode_of(const std::string& word) {
  static const std::map<std::string, Mode> modes{
      {"mix", Mode::Mix},       {"get", Mode::Get},           {"set", Mode::Set},
      {"create", Mode::Create}, {"sessions", Mode::Sessions}, {"watch", Mode::Watch},
      {"wait", Mode::Wait}};
  const auto at = modes.find(word);
  if (at == modes.end()) refuse("unknown mode " + word);
  return at->second;
}

/// One row per option that takes a whole number.
struct IntOption {
  int Settings::*field;
  double low, high;
};

const std::map<std::string, IntOption>& int_options() {
  static const std::map<std::string, IntOption> options{
      {"--connections", {&Settings::connections, 1, 100000}},
      {"--depth", {&Settings::depth, 1, 10000}},
      {"--read-percent", {&Settings::read_percent, 0, 100}},
      {"--size", {&Settings::size, 0, 1000000}},
      {"--keys", {&Settings::keys, 1, 100000000}},
      {"--count", {&Settings::count, 1, 100000000}},
      {"--rounds", {&Settings::rounds, 1, 1000000}},
      {"--slow-ms", {&Settings::slow_ms, 1, 1000000}}};
  return options;
}

void set_option(Settings& s, const std::string& option, const std::string& value) {
  if (const auto at = int_options().find(option); at != int_options().end()) {
    s.*at->second.field = int(number(option, value, at->second.low, at->second.high));
  } else if (option == "--connect") {
    s.hosts = split(value);
  } else if (option == "--seconds") {
    s.seconds = number(option, value, 0.1, 86400);
  } else if (option == "--warmup") {
    s.warmup_seconds = number(option, value, 0, 3600);
  } else if (option == "--rate") {
    s.rate = number(option, value, 1, 10000000);
  } else if (option == "--svg") {
    s.svg = value;
  } else if (option == "--pids") {
    for (const auto& pid : split(value)) s.pids.push_back(int(number(option, pid, 1, 1 << 30)));
  } else {
    refuse("unknown option " + option);
  }
}

}  // namespace

void give_up(const std::string& what) {
  std::fprintf(stderr, "quorate-bench: %s\n", what.c_str());
  std::exit(1);
}

Settings parse(int argc, char** argv) {
  Settings s;
  int i = 1;
  if (argc > 1 && argv[1][0] != '-') s.mode = mode_of(argv[i++]);
  for (; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--help") {
      std::printf("%s", kUsage);
      std::exit(0);
    }
    if (option == "--json") {
      s.json = true;
      continue;
    }
    if (i + 1 >= argc) refuse(option + " wants a value");
    set_option(s, option, argv[++i]);
  }
  if (s.hosts.empty()) refuse("--connect names no server");
  for (const auto& host : s.hosts) {
    if (host.find(':') == std::string::npos) refuse("--connect " + host + ": HOST:PORT is wanted");
  }
  if (s.mode == Mode::Get) s.read_percent = 100;
  if (s.mode == Mode::Set) s.read_percent = 0;
  return s;
}

}  // namespace quorate::bench
