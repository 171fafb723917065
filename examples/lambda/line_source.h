// Where the collector's lines come from: files, standard input, the generator.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "examples/pipeline/generator.h"
#include "examples/pipeline/result.h"

namespace lambda_app {

/// Gets whole lines; `offset` is where they begin in their source.
using TakeLines = std::function<pipeline::Result<>(std::string_view lines, std::uint64_t offset)>;

/// Ends waits from another thread. A descriptor that becomes readable, for poll(2), and a
/// condition.
class Stopper {
 public:
  Stopper();
  ~Stopper();
  Stopper(const Stopper&) = delete;
  Stopper& operator=(const Stopper&) = delete;

  void stop();
  bool stopped() const;
  int descriptor() const { return descriptor_; }
  /// Until that moment, or stop(); false then.
  bool wait_until(std::chrono::steady_clock::time_point moment);

 private:
  int descriptor_ = -1;
  mutable std::mutex mutex_;  ///< Keeps stopped_.
  std::condition_variable changed_;
  bool stopped_ = false;
};

/// So many lines a second from the first on; a rate of 0 does not wait.
class Pace {
 public:
  explicit Pace(double rate) : rate_(rate) {}
  /// How many lines to hand on at once: a fiftieth of a second's, at most `most`.
  std::size_t portion(std::size_t most) const;
  /// Waits until `lines` more are due; false if stopped.
  bool wait(std::uint64_t lines, Stopper& stopper);

 private:
  double rate_;
  std::uint64_t lines_ = 0;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// Reads `file` ("-": standard input) to its end, or until stopped: what has come is handed on at
/// once, so a pipe that is fed slowly is followed.
pipeline::Result<> read_file_lines(const std::string& file, double rate, Stopper& stopper,
                                   const TakeLines& take);

/// `lines` lines (0: without end) of the generator.
pipeline::Result<> generate_lines(const pipeline::GeneratorOptions& options, std::uint64_t lines,
                                  double rate, Stopper& stopper, const TakeLines& take);

}  // namespace lambda_app
