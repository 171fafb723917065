// What LevelDB sees of the disk: written at a limited rate and in small steps, read without
// mapping files into memory.
#pragma once

#include <leveldb/env.h>

#include <chrono>
#include <cstdint>
#include <mutex>

namespace quorate::server {

/// For Pacer::hurry(): what somebody waits for.
inline constexpr double kUnlimited = 4;

/// A token bucket. Background writing shares the disk with the log, for which every client waits.
class Pacer {
 public:
  explicit Pacer(std::uint64_t bytes_per_second) : base_(bytes_per_second) {}

  /// How far the writing is behind: at 1 the rate starts to rise, from kUnlimited on there is
  /// no limit. So it is before the first call: a server that starts waits for nothing.
  void hurry(double due);
  /// Waits until so many bytes may be written. Any thread.
  void take(std::uint64_t bytes);

 private:
  using Clock = std::chrono::steady_clock;

  std::mutex mutex_;  // Guards all below: LevelDB writes tables on a thread of its own.
  std::uint64_t base_;
  double factor_ = 0;            ///< 0: no limit.
  Clock::time_point free_at_{};  ///< When what has been taken so far will have been paid for.
};

/// All of LevelDB's files of this process go through it. Static: LevelDB's own thread may outlive
/// a store.
leveldb::Env* paced_env();
Pacer& checkpoint_pacer();

}  // namespace quorate::server
