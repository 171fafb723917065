// SIGINT and SIGTERM, as a state and a call.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>

namespace leader_follower {

/// From begin() on the two signals end nothing by themselves; a second one ends the process at
/// once.
class Stop {
 public:
  /// Before any other thread is made: they take over its mask.
  void begin();
  bool asked() const { return asked_; }
  /// Calls `wake`, on another thread, when a signal comes, or at once when one has; {} for nobody.
  void wake_by(std::function<void()> wake);

 private:
  void wait_for_signals();

  std::atomic<bool> asked_{false};
  // The thread of the signals calls what another one sets: the mutex keeps it.
  std::mutex mutex_;
  std::function<void()> wake_;
};

}  // namespace leader_follower
