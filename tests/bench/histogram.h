// Latencies in buckets whose width is at most 1/16 of their value: percentiles without keeping
// every sample.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace quorate::bench {

class Histogram {
 public:
  void add(std::uint64_t value);
  void merge(const Histogram& other);
  std::uint64_t count() const { return count_; }
  double mean() const {
    return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
  }
  std::uint64_t max() const { return max_; }
  /// Upper bound of the bucket in which the sample of this rank lies; 0 without samples.
  std::uint64_t percentile(double percent) const;
  /// The buckets that hold samples, in order: upper bound and count.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> buckets() const;

 private:
  static constexpr int kSteps = 16;  // Buckets per power of two.
  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t upper_bound(std::size_t bucket);

  std::array<std::uint64_t, 64 * kSteps> buckets_{};
  std::uint64_t count_ = 0, sum_ = 0, max_ = 0;
};

}  // namespace quorate::bench
