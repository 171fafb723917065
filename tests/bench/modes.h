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

/// Opens `count` sessions, not too many at once, and shows how far it is.
void open_sessions(Loop& loop, const Settings& settings, int count, Wires& wires);

inline std::string key_path(std::uint64_t key) {
  return "/bench/k" + std::to_string(key);
}

}  // namespace quorate::bench
