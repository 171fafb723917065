// The last alerts of the speed layer.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "examples/lambda/places.h"
#include "examples/pipeline/bus.h"

namespace lambda_app {

/// A thread that waits for records of the alerts' topic.
class AlertsFollower {
 public:
  static constexpr std::size_t kKept = 50;

  /// `told` is called by the thread with each alert's JSON that comes after the start. `bus` must
  /// outlive it.
  static pipeline::Result<std::unique_ptr<AlertsFollower>> start(
      pipeline::Bus& bus, const std::string& topic, std::function<void(const std::string&)> told);
  ~AlertsFollower();

  std::deque<std::string> last() const;  ///< Oldest first. Any thread.

 private:
  AlertsFollower(pipeline::Bus& bus, std::string topic,
                 std::function<void(const std::string&)> told)
      : bus_(bus), topic_(std::move(topic)), told_(std::move(told)) {}
  void run();

  pipeline::Bus& bus_;
  const std::string topic_;
  const std::function<void(const std::string&)> told_;
  std::unique_ptr<pipeline::Reader> reader_;
  pipeline::Offset new_from_ = 0;
  mutable std::mutex mutex_;  ///< Keeps what anybody asks for.
  std::deque<std::string> kept_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace lambda_app
