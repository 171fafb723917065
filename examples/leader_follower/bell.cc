#include "examples/leader_follower/bell.h"

namespace leader_follower {

void Bell::ring() {
  {
    const std::lock_guard lock(mutex_);
    rung_ = true;
  }
  wake_.notify_all();
}

void Bell::wait() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return rung_; });
  rung_ = false;
}

qc::WatchCallback Bell::watch(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (!armed_.insert(name).second) return {};
  return [this, name](const qc::WatchEvent&) {
    disarm(name);
    ring();
  };
}

bool Bell::armed(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return armed_.count(name) != 0;
}

void Bell::disarm(const std::string& name) {
  const std::lock_guard lock(mutex_);
  armed_.erase(name);
}

}  // namespace leader_follower
