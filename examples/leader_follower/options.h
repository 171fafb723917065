// What the command line says.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace leader_follower {

enum class Task { Work, Print, Generate };

struct Options {
  Task task = Task::Work;
  std::string connect = "127.0.0.1:2181";
  std::string job = "default";  ///< Processes with one job name work together.
  std::string log;              ///< Also the file to write with --generate.
  std::string id = "worker";
  std::string out;  ///< Where to write the final counts; "" nowhere.
  std::uint64_t lines_per_shard = 500;
  std::uint64_t generate_lines = 0;
  std::uint64_t seed = 1;
  std::chrono::milliseconds session_timeout{4'000};
  std::chrono::milliseconds delay_per_shard{0};  ///< Makes work slow enough to be interrupted.
};

/// False, with a line on stderr, when the arguments cannot be understood.
bool parse_options(int argc, char** argv, Options& options);

}  // namespace leader_follower
