// SIGINT and SIGTERM as a call.
#pragma once

#include <csignal>
#include <functional>
#include <mutex>
#include <thread>

namespace pipeline_program {

/// Make it before any other thread: those inherit that the signals are blocked.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// `stop` is called once, on a thread of its own, when a signal comes or has come already; an
  /// empty function takes the former one away.
  void on_stop(std::function<void()> stop);
  bool stopped() const;
  void wait();  ///< For the signal.

 private:
  void run();

  sigset_t signals_;
  mutable std::mutex mutex_;  ///< Keeps both below: the signal's thread calls, the program's sets.
  std::function<void()> stop_;
  bool stopped_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace pipeline_program
