// Slow requests of an open loop, put together: one pause makes thousands of them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/histogram.h"
#include "tests/bench/report.h"

namespace quorate::bench {

/// Requests above --slow-ms. Those due within a tenth of a second of one before them are of its
/// pause.
class Pauses {
 public:
  using Clock = std::chrono::steady_clock;

  /// `due` and `begin` of the run; `spent_us` from due to answered.
  void add(Clock::time_point due, Clock::time_point begin, std::int64_t spent_us) {
    const double at = std::chrono::duration<double>(due - begin).count();
    const double ms = double(spent_us) / 1000;
    ++slow_;
    if (from_s_.empty() || at > last_s_ + kApart) {
      if (from_s_.size() >= kMost) return;
      from_s_.push_back(at);
      worst_ms_.push_back(ms);
      requests_.push_back(0);
    }
    last_s_ = std::max(last_s_, at);
    worst_ms_.back() = std::max(worst_ms_.back(), ms);
    ++requests_.back();
  }

  std::uint64_t slow() const { return slow_; }

  void report(Report& report) const {
    report.add("slow", double(slow_));
    report.add("pauses_at_s", from_s_);
    report.add("pauses_worst_ms", worst_ms_);
    report.add("pauses_requests", requests_);
  }

 private:
  static constexpr double kApart = 0.1;
  static constexpr std::size_t kMost = 1000;

  std::uint64_t slow_ = 0;
  double last_s_ = 0;
  std::vector<double> from_s_, worst_ms_, requests_;
};

}  // namespace quorate::bench
