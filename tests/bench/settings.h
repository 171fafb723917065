// What a run of quorate-bench is to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quorate::bench {

enum class Mode { Mix, Get, Set, Create, Sessions, Watch, Wait };

struct Settings {
  Mode mode = Mode::Mix;
  std::vector<std::string> hosts{"127.0.0.1:2181"};
  int connections = 16;
  int depth = 16;
  double seconds = 10;
  double warmup_seconds = 2;
  int read_percent = 50;
  int size = 100;
  int keys = 1000;
  double rate = 0;  ///< Requests per second of an open loop; 0: closed loop.
  int count = 1000;
  int rounds = 3;
  int slow_ms = 50;
  std::string svg;
  std::vector<int> pids;
  bool json = false;
};

/// Prints what is wrong and the usage, and ends with exit code 2.
Settings parse(int argc, char** argv);

[[noreturn]] void give_up(const std::string& what);

}  // namespace quorate::bench
