// Threads of a fake ensemble's own: what blocks there lets the others, and the test, go on. They
// hand one baton around, so that one runs at a time and every run is like the one before.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>

#include "quorate/virtual_world.h"

namespace quorate::testing {

/// All functions: with the baton, which the test has to begin with.
class FakeThreads {
 public:
  using TimePoint = client::VirtualWorld::TimePoint;

  FakeThreads();
  ~FakeThreads();  ///< After shut_down().

  /// `body` begins in a call of run_one().
  void add(std::function<void()> body);
  /// The test gives the baton to one that has something to do, until that waits or ends; whatever
  /// it throws is thrown here. False: none has.
  bool run_one(TimePoint now);
  /// The earliest end of a wait.
  TimePoint next_end() const;

  /// The caller is one of these threads.
  bool inside() const { return running_ != nullptr; }
  /// That one gives the baton back until `done`, or `end` has come: false then. Throws FakeError
  /// after shut_down().
  bool wait(const std::function<bool()>& done, TimePoint end);

  /// Whoever waits, waits in vain; returns when all have ended.
  void shut_down();

 private:
  struct Thread;
  bool ready(const Thread& thread, TimePoint now) const;
  void give_baton(Thread& thread);
  void run(Thread& thread);

  std::mutex mutex_;  ///< Of the baton: running_ and Thread::woken.
  std::condition_variable returned_;
  Thread* running_ = nullptr;                 ///< Null: the test.
  std::list<std::unique_ptr<Thread>> queue_;  ///< Who has run waits behind the others.
  bool over_ = false;
};

}  // namespace quorate::testing
