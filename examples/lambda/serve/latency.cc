#include "examples/lambda/serve/latency.h"

#include <algorithm>
#include <vector>

namespace lambda_app {

void Latency::add(std::int64_t now_ms, std::int64_t took_ms) {
  // Clocks of two machines may differ by more than an event takes.
  samples_.push_back({now_ms, std::max<std::int64_t>(took_ms, 0)});
  if (samples_.size() > kSamplesMax) samples_.pop_front();
}

Latency::Quantiles Latency::quantiles(std::int64_t now_ms) {
  while (!samples_.empty() && samples_.front().at_ms < now_ms - kWindowMs) samples_.pop_front();
  Quantiles result;
  result.samples = samples_.size();
  if (samples_.empty()) return result;
  std::vector<std::int64_t> took;
  took.reserve(samples_.size());
  for (const Sample& sample : samples_) took.push_back(sample.took_ms);
  const auto at = [&](std::size_t percent) {
    const auto place =
        took.begin() + static_cast<std::ptrdiff_t>((took.size() - 1) * percent / 100);
    std::nth_element(took.begin(), place, took.end());
    return *place;
  };
  result.p50_ms = at(50);
  result.p99_ms = at(99);
  return result;
}

}  // namespace lambda_app
