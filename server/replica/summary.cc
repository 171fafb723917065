#include "server/replica/summary.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace quorate::server {

std::size_t Summary::bucket_of(std::int64_t value) {
  if (value < static_cast<std::int64_t>(kExact)) {
    return static_cast<std::size_t>(std::max<std::int64_t>(value, 0));
  }
  const auto bits = static_cast<std::uint64_t>(value);
  // 16 has width 5; the three bits behind the first name the bucket within its power of two.
  const auto octave = static_cast<std::size_t>(std::bit_width(bits)) - 5;
  if (octave >= kOctaves) return kBuckets - 1;
  return kExact + octave * kPerOctave + ((bits >> (octave + 1)) & (kPerOctave - 1));
}

std::int64_t Summary::upper_bound(std::size_t bucket) {
  if (bucket < kExact) return static_cast<std::int64_t>(bucket);
  const std::size_t octave = (bucket - kExact) / kPerOctave;
  const std::size_t step = (bucket - kExact) % kPerOctave;
  return (static_cast<std::int64_t>(kPerOctave + step + 1) << (octave + 1)) - 1;
}

std::int64_t Summary::quantile(double share) const {
  std::uint64_t total = 0;
  for (std::size_t at = 0; at < kBuckets; ++at) total += recent_[at] + before_[at];
  if (total == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total)));
  std::uint64_t seen = 0;
  for (std::size_t at = 0; at < kBuckets; ++at) {
    seen += recent_[at] + before_[at];
    if (seen >= std::max<std::uint64_t>(wanted, 1)) return std::min(upper_bound(at), max);
  }
  return max;
}

}  // namespace quorate::server
