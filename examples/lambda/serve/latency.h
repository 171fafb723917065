// How long events took, over the last minute.
#pragma once

#include <cstdint>
#include <deque>

namespace lambda_app {

/// Owned by one thread.
class Latency {
 public:
  static constexpr std::int64_t kWindowMs = 60'000;
  static constexpr std::size_t kSamplesMax = 20'000;  ///< Beyond that the oldest go.

  void add(std::int64_t now_ms, std::int64_t took_ms);

  struct Quantiles {
    std::int64_t p50_ms = 0;
    std::int64_t p99_ms = 0;
    std::size_t samples = 0;
  };
  Quantiles quantiles(std::int64_t now_ms);

 private:
  struct Sample {
    std::int64_t at_ms = 0;
    std::int64_t took_ms = 0;
  };
  std::deque<Sample> samples_;
};

}  // namespace lambda_app
