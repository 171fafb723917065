// What happened lately, for people.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "examples/lambda/serve/cluster_view.h"

namespace lambda_app {

/// Any thread.
class Feed {
 public:
  static constexpr std::size_t kKept = 100;

  /// As it is sent to dashboards.
  nlohmann::json add(const Happening& happening) {
    nlohmann::json entry = {{"type", "feed"},
                            {"at_ms", std::chrono::duration_cast<std::chrono::milliseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count()},
                            {"kind", happening.kind},
                            {"text", happening.text}};
    const std::lock_guard lock(mutex_);
    kept_.push_back(entry);
    if (kept_.size() > kKept) kept_.pop_front();
    return entry;
  }
  nlohmann::json last() const {
    const std::lock_guard lock(mutex_);
    return kept_;
  }

 private:
  mutable std::mutex mutex_;
  std::deque<nlohmann::json> kept_;
};

}  // namespace lambda_app
