#include "examples/leader_follower/thread_pool/work.h"

#include <algorithm>
#include <chrono>

namespace thread_pool {

std::string work(std::string_view request, std::uint64_t rounds) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : request) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  for (std::uint64_t i = 0; i < rounds; ++i) {
    hash ^= hash >> 29;
    hash = hash * 0xbf58476d1ce4e5b9ULL + i;
  }
  std::string reply(16, '0');
  for (std::size_t i = reply.size(); i-- > 0; hash >>= 4) {
    reply[i] = "0123456789abcdef"[hash & 15];
  }
  return reply;
}

std::uint64_t rounds_per_microsecond() {
  constexpr std::uint64_t kRounds = 100'000;
  using Clock = std::chrono::steady_clock;
  std::int64_t best_ns = 0;
  // Many short samples: one of them has the processor to itself also on a busy machine.
  for (int i = 0; i < 500; ++i) {
    const auto begin = Clock::now();
    // The reply decides whether the time counts, so that the compiler keeps the work.
    const bool used = !work("calibrate", kRounds).empty();
    const auto took = std::chrono::nanoseconds(Clock::now() - begin).count();
    if (used && (best_ns == 0 || took < best_ns)) best_ns = std::max<std::int64_t>(1, took);
  }
  return std::max<std::uint64_t>(1, kRounds * 1'000 / static_cast<std::uint64_t>(best_ns));
}

}  // namespace thread_pool
