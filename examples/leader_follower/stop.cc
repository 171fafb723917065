#include "examples/leader_follower/stop.h"

#include <signal.h>
#include <unistd.h>

#include <thread>
#include <utility>

namespace leader_follower {

namespace {

sigset_t signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

void Stop::begin() {
  const sigset_t set = signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // Lives as long as the process; so does this object, which main() owns.
  std::thread([this] { wait_for_signals(); }).detach();
}

void Stop::wait_for_signals() {
  const sigset_t set = signals();
  int got = 0;
  while (true) {
    if (sigwait(&set, &got) != 0) continue;
    if (asked_.exchange(true)) ::_exit(128 + got);
    const std::lock_guard lock(mutex_);
    if (wake_) wake_();
  }
}

void Stop::wake_by(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
  if (asked_ && wake_) wake_();
}

}  // namespace leader_follower
