// How far event time has come, not trusting a single event.
#pragma once

#include <cstdint>
#include <limits>

#include "examples/pipeline/event.h"

namespace lambda_app {

/// Whether sums of it and any span of days stay what they are; begins of windows lie a little below
/// the least time of an event.
constexpr bool is_event_time(std::int64_t time_ms) {
  return time_ms >= -2 * pipeline::kTimeMsMax && time_ms <= pipeline::kTimeMsMax;
}

/// The greatest event time so far. A time more than `jump_ms_max` ahead is believed only when so
/// many in a row say so: one line of a machine whose clock is wrong must not make all that follows
/// late. Owned by one thread.
class EventClock {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();
  static constexpr int kBelieved = 100;

  explicit EventClock(std::int64_t jump_ms_max, std::int64_t now_ms = kNever)
      : jump_ms_max_(jump_ms_max), now_ms_(now_ms) {}

  void observe(std::int64_t time_ms) {
    if (time_ms <= now_ms_) {
      ahead_ = 0;
    } else if (now_ms_ == kNever || time_ms - now_ms_ <= jump_ms_max_ || ++ahead_ >= kBelieved) {
      now_ms_ = time_ms;
      ahead_ = 0;
    }
  }
  std::int64_t now_ms() const { return now_ms_; }  ///< kNever at first.

 private:
  std::int64_t jump_ms_max_;
  std::int64_t now_ms_;
  int ahead_ = 0;
};

}  // namespace lambda_app
