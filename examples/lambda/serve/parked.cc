#include "examples/lambda/serve/parked.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace lambda_app {

namespace {

void go_on(int pidfd) {
  ::syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, nullptr, 0);
  ::close(pidfd);
}

}  // namespace

Parked::~Parked() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  bell_.notify_all();
  thread_.join();
}

std::string Parked::park(const std::string& name, int pidfd, std::chrono::milliseconds time) {
  const std::lock_guard lock(mutex_);
  if (::syscall(SYS_pidfd_send_signal, pidfd, SIGSTOP, nullptr, 0) != 0) {
    const std::string why = std::strerror(errno);
    ::close(pidfd);
    return why;
  }
  if (!parked_.emplace(name, One{pidfd, Clock::now() + time}).second) ::close(pidfd);
  bell_.notify_all();
  return "";
}

bool Parked::holds(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return parked_.contains(name);
}

void Parked::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const Clock::time_point now = Clock::now();
    Clock::time_point next = now + std::chrono::hours(1);
    for (auto at = parked_.begin(); at != parked_.end();) {
      if (stopping_ || at->second.until <= now) {
        go_on(at->second.pidfd);
        at = parked_.erase(at);
      } else {
        next = std::min(next, at->second.until);
        ++at;
      }
    }
    if (stopping_) return;
    bell_.wait_until(lock, next);
  }
}

}  // namespace lambda_app
