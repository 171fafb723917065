// Virtual time: one queue of events, one thread. Everything that happens in a run happens in an
// event of this queue, so the seed alone decides the order of all things.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/random.h"

namespace quorate::sim {

using Micros = std::int64_t;  ///< Virtual microseconds since the run began.
inline constexpr Micros kMillisecond = 1000;
inline constexpr Micros kSecond = 1'000'000;

/// A promise of the system was broken: ends the run.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Scheduler {
 public:
  explicit Scheduler(Random random) : random_(random) {}

  Micros now() const { return now_; }

  /// Runs `action` after `delay`. Events of one instant run in an order drawn from the seed: nobody
  /// may rely on the order in which they were asked for.
  void after(Micros delay, std::function<void()> action) {
    queue_.push(
        {now_ + std::max<Micros>(delay, 0), random_.next(), ++sequence_, std::move(action)});
  }

  /// Runs the next event if it is due no later than `until`; otherwise time moves there.
  bool step(Micros until) {
    if (queue_.empty() || queue_.top().when > until) {
      now_ = std::max(now_, until);
      return false;
    }
    std::function<void()> action = std::move(const_cast<Event&>(queue_.top()).action);
    now_ = queue_.top().when;
    queue_.pop();
    action();
    return true;
  }

 private:
  struct Event {
    Micros when;
    std::uint64_t tie;
    std::uint64_t sequence;
    std::function<void()> action;
    bool operator<(const Event& other) const {
      if (when != other.when) return when > other.when;
      if (tie != other.tie) return tie > other.tie;
      return sequence > other.sequence;
    }
  };

  Random random_;
  Micros now_ = 0;
  std::uint64_t sequence_ = 0;
  std::priority_queue<Event> queue_;
};

}  // namespace quorate::sim
