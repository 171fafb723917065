// How often and how long: a bounded histogram that costs a few additions per value.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace quorate::server {

/// Count, sum and extremes of whole numbers that are not negative; others count as 0.
struct Tally {
  std::uint64_t count = 0;
  std::int64_t sum = 0, min = 0, max = 0;

  void add(std::int64_t value) {
    if (value < 0) value = 0;
    if (count == 0 || value < min) min = value;
    if (value > max) max = value;
    sum += value;
    ++count;
  }
  double average() const {
    return count == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(count);
  }
};

/// A Tally with quantiles of recent values. Log-linear buckets: exact below 16, then eight per
/// power of two, so a quantile is at most 1/8 too high. One owner thread; copied on demand.
///
/// Quantiles tell of the time since the last rotation but one: those of a whole life would hide
/// what a dashboard is looked at for. Count, sum and extremes run on.
class Summary : public Tally {
 public:
  void add(std::int64_t value) {
    Tally::add(value);
    ++recent_[bucket_of(value)];
  }

  /// The smallest bound that `share` (0..1) of the recent values do not pass, never above max.
  std::int64_t quantile(double share) const;

  /// Every few minutes.
  void rotate() {
    before_ = recent_;
    recent_ = {};
  }

 private:
  static constexpr std::size_t kExact = 16, kPerOctave = 8, kOctaves = 28;
  static constexpr std::size_t kBuckets = kExact + kPerOctave * kOctaves;
  using Buckets = std::array<std::uint32_t, kBuckets>;

  static std::size_t bucket_of(std::int64_t value);
  static std::int64_t upper_bound(std::size_t bucket);

  Buckets recent_{}, before_{};
};

}  // namespace quorate::server
