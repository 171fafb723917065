#include "examples/pipeline/web/event_log.h"

namespace pipeline {

std::uint64_t EventLog::add(const std::string& json) {
  const std::lock_guard lock(mutex_);
  ++last_;
  events_.push_back(std::make_shared<const std::string>("{\"n\":" + std::to_string(last_) +
                                                        ",\"event\":" + json + "}"));
  while (events_.size() > kept_) events_.pop_front();
  return last_;
}

std::uint64_t EventLog::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

EventText EventLog::after(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  if (number >= last_ || last_ - number > events_.size()) return nullptr;
  return events_[events_.size() - static_cast<std::size_t>(last_ - number)];
}

bool EventLog::keeps_after(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  return number <= last_ && last_ - number <= events_.size();
}

}  // namespace pipeline
