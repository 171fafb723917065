#include "examples/pipeline/program/stop_signal.h"

#include <pthread.h>

#include <condition_variable>

namespace pipeline_program {

StopSignal::StopSignal() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  thread_ = std::thread([this] { run(); });
}

StopSignal::~StopSignal() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
}

void StopSignal::run() {
  int signal = 0;
  while (sigwait(&signals_, &signal) == 0) {
    const std::lock_guard lock(mutex_);
    if (ending_) return;
    if (!stopped_ && stop_) stop_();
    stopped_ = true;
  }
}

void StopSignal::on_stop(std::function<void()> stop) {
  const std::lock_guard lock(mutex_);
  stop_ = std::move(stop);
  if (stopped_ && stop_) stop_();
}

bool StopSignal::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

void StopSignal::wait() {
  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;
  on_stop([&] {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    changed.notify_all();
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return stop; });
  }
  on_stop({});
}

}  // namespace pipeline_program
