// The one seeded generator. It is handed in wherever chance is needed, so that one seed replays
// all.
#pragma once

#include <cstdint>

namespace quorate {

/// SplitMix64 (Steele, Lea, Flood 2014): small state, good enough for jitter, ids and simulation;
/// not for secrets.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, bound); 0 when bound is 0.
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }

  /// Uniform in [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low + 1)));
  }

  /// True with probability `percent` / 100.
  bool percent(unsigned percent) { return below(100) < percent; }

  /// An independent generator: what one part draws does not shift what another gets.
  Random fork() { return Random(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace quorate
