#include "tests/bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace quorate::bench {

std::size_t Histogram::bucket_of(std::uint64_t value) {
  if (value < kSteps) return static_cast<std::size_t>(value);
  const int power = std::bit_width(value) - 1;  // >= 4
  const auto step = (value >> (power - 4)) & (kSteps - 1);
  return static_cast<std::size_t>(power - 3) * kSteps + static_cast<std::size_t>(step);
}

std::uint64_t Histogram::upper_bound(std::size_t bucket) {
  if (bucket < kSteps) return bucket;
  const auto power = bucket / kSteps + 3;
  const auto step = bucket % kSteps;
  return ((std::uint64_t{kSteps} + step + 1) << (power - 4)) - 1;
}

void Histogram::add(std::uint64_t value) {
  ++buckets_[bucket_of(value)];
  ++count_;
  sum_ += value;
  max_ = std::max(max_, value);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::percentile(double percent) const {
  if (count_ == 0) return 0;
  const auto rank =
      static_cast<std::uint64_t>(std::ceil(percent / 100.0 * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= std::max<std::uint64_t>(rank, 1)) return std::min(upper_bound(i), max_);
  }
  return max_;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> Histogram::buckets() const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> found;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    if (buckets_[i] > 0) found.emplace_back(std::min(upper_bound(i), max_), buckets_[i]);
  }
  return found;
}

}  // namespace quorate::bench
