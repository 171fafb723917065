// Processes that were stopped for a while.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace lambda_app {

/// Lets them go on when their time is over, or when it ends itself: nobody stays stopped.
class Parked {
 public:
  Parked() : thread_([this] { run(); }) {}
  ~Parked();

  /// Sends SIGSTOP now, and SIGCONT after `time`. What is wrong, or "".
  std::string park(const std::string& name, int pidfd, std::chrono::milliseconds time);
  bool holds(const std::string& name) const;

 private:
  using Clock = std::chrono::steady_clock;
  struct One {
    int pidfd = -1;  ///< Of the process itself: its number may be another's by then.
    Clock::time_point until;
  };
  void run();

  mutable std::mutex mutex_;
  std::condition_variable bell_;
  std::map<std::string, One> parked_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace lambda_app
