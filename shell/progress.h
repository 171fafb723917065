// How far a long command is, as one line that is written over and over.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "shell/output.h"

namespace quorate::shell {

/// "[########------------]  40%  import: 400000 nodes, 12 s left"; without a bar where the whole
/// (`total`) is not known. The time left is told from `seconds` on, which must not be too few.
std::string progress_line(const std::string& verb, std::size_t nodes, double part, double seconds);

class Progress {
 public:
  Progress(Output& output, std::string verb)
      : output_(output), verb_(std::move(verb)), begin_(Clock::now()), shown_(begin_) {}

  /// `done` of `total` in whatever unit, 0 where that is not known. Shown a few times a second.
  void show(std::size_t nodes, std::size_t done, std::size_t total);

 private:
  using Clock = std::chrono::steady_clock;

  Output& output_;
  const std::string verb_;
  const Clock::time_point begin_;
  Clock::time_point shown_;
};

}  // namespace quorate::shell
