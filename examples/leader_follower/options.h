// What the command line says.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace leader_follower {

enum class Task { Work, Submit, Wait, Print, Results, Forget, Status, Ledger, Generate };

struct Options {
  Task task = Task::Work;
  std::string connect = "127.0.0.1:2181";
  std::string pool = "default";  ///< Processes with one pool name work together.
  std::string id = "worker";
  std::uint64_t capacity =
      2;               ///< Jobs that a member may have at a time; it does one after another.
  std::string ledger;  ///< "HOST:PORT", or "" for none.
  std::string file;    ///< Of --submit, --serve-ledger and --generate.
  std::uint64_t lines_per_job = 500;
  bool wait = false;
  bool json = false;
  std::uint64_t port = 0;
  std::uint64_t generate_lines = 0;
  std::uint64_t seed = 1;
  std::chrono::milliseconds session_timeout{4'000};
  // Make work slow enough to be interrupted where it matters.
  std::chrono::milliseconds delay_per_job{0};   ///< Between the work and its effect.
  std::chrono::milliseconds delay_per_plan{0};  ///< Between a leader's decision and its effect.
};

/// The exit code, where there is nothing more to be done: 0 after --help, 2 with what is wrong on
/// standard error.
std::optional<int> parse_options(int argc, char** argv, Options& options);

}  // namespace leader_follower
