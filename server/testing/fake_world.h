// The clock of a fake ensemble and all that is to happen by it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "quorate/virtual_world.h"

namespace quorate::testing {

/// Time and turns; the connections are left to whoever derives from it. One thread.
class FakeWorld : public client::VirtualWorld {
 public:
  FakeWorld(std::uint64_t seed, std::chrono::milliseconds patience);

  TimePoint now() override { return now_; }
  std::uint64_t draw() override { return random_.next(); }
  void at(TimePoint when, std::function<void()> action) override;
  void add_loop(const void* owner, std::function<bool()> poll) override;
  void remove_loop(const void* owner) override;
  void run_until(const std::function<bool()>& done) override;

  /// As run_until, but gives up at `end`: false then, and it is `end`.
  bool run(const std::function<bool()>& done, TimePoint end);
  std::chrono::microseconds elapsed() const;
  TimePoint time() const { return now_; }

 protected:
  /// For whoever waited in vain.
  virtual std::string describe_rest() const = 0;
  /// Whatever is ready in the loops.
  void poll();
  /// Nothing of what is to come will be.
  void forget_all();

 private:
  struct Loop {
    const void* owner;
    std::function<bool()> poll;
  };

  bool poll_round();

  const TimePoint begin_;
  const std::chrono::milliseconds patience_;
  TimePoint now_;
  Random random_;
  std::uint64_t sequence_ = 0;
  std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> events_;
  std::vector<Loop> loops_;
  int depth_ = 0;  ///< Of run().
};

}  // namespace quorate::testing
