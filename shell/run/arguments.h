// The command line of quorate-run.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace quorate::run {

/// Exit codes of quorate-run's own; any other is the command's (128 + signal when one ended it).
inline constexpr int kBadUsage = 2;
inline constexpr int kNoServer = 3;
inline constexpr int kNotObtained = 75;  ///< --wait passed. EX_TEMPFAIL: try again later.
inline constexpr int kLost = 76;         ///< The lock was lost; the command was stopped.
inline constexpr int kFailed = 77;       ///< The servers refuse: no right, a bad path, ...
inline constexpr int kNoCommand = 127;   ///< The command could not be started.

struct Arguments {
  std::string servers = "127.0.0.1:2181";
  std::string path;
  std::string id;
  bool elect = false;  ///< Stand again after a loss, instead of ending.
  bool quiet = false;
  std::chrono::milliseconds session{10'000};
  std::chrono::milliseconds connect{30'000};       ///< 0: for ever.
  std::chrono::milliseconds wait{0};               ///< 0: for ever.
  std::optional<std::chrono::milliseconds> grace;  ///< Default: a quarter of the session timeout.
  std::vector<std::string> command;
};

struct Parsed {
  std::optional<Arguments> arguments;
  std::string complaint;  ///< When there are none; empty when help was asked for.
};

Parsed parse(int argc, char** argv);
const char* usage();

}  // namespace quorate::run
