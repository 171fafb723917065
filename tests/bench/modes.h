// What quorate-bench can do; each returns the program's exit code.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/bench/wire.h"

namespace quorate::bench {

int run_mix(const Settings& settings);  ///< mix, get, set; closed loop or --rate.
int run_create(const Settings& settings);
int run_sessions(const Settings& settings);
int run_watch(const Settings& settings);
int run_wait(const Settings& settings);

using Wires = std::vector<std::unique_ptr<Wire>>;

/// Lets the server hear of each session every 10 s, a third of the timeout, in slices of 50 ms: one
/// that is slow to open many, or to make many nodes, would end the silent ones meanwhile.
class Pinger {
 public:
  void run(const Wires& wires, std::size_t open);

 private:
  Clock::time_point due_ = Clock::now();
  std::size_t next_ = 0;
};

/// One of so many threads that open sessions at the same time.
struct Share {
  int number = 0, of = 1;
};
/// Opens `count` sessions, not too many at once, and shows how far it is.
void open_sessions(Loop& loop, const Settings& settings, int count, Wires& wires, Share share = {});

inline std::string key_path(std::uint64_t key) {
  return "/bench/k" + std::to_string(key);
}

}  // namespace quorate::bench
