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
#include "server/testing/fake_threads.h"

namespace quorate::testing {

/// Time and turns; the connections are left to whoever derives from it. One thread at a time: the
/// test's, or one of the world's own.
class FakeWorld : public client::VirtualWorld {
 public:
  FakeWorld(std::uint64_t seed, std::chrono::milliseconds patience);

  TimePoint now() override { return now_; }
  std::uint64_t draw() override { return random_.next(); }
  void at(TimePoint when, std::function<void()> action) override;
  void add_loop(const void* owner, std::function<bool()> poll) override;
  void remove_loop(const void* owner) override;
  void run_until(const std::function<bool()>& done) override;
  void start_thread(std::function<void()> body) override { threads_.add(std::move(body)); }

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
  /// The world's own threads wait in vain from now on; they have ended when this returns.
  void end_threads() { threads_.shut_down(); }

 private:
  struct Loop {
    const void* owner;
    std::function<bool()> poll;
  };

  bool poll_round();
  void turn();

  const TimePoint begin_;
  const std::chrono::milliseconds patience_;
  TimePoint now_;
  Random random_;
  std::uint64_t sequence_ = 0;
  std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> events_;
  std::vector<Loop> loops_;
  FakeThreads threads_;
  int depth_ = 0;  ///< Of run().
};

}  // namespace quorate::testing
