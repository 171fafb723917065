#include "server/testing/fake_world.h"

#include <algorithm>

#include "quorate/testing/fake.h"

namespace quorate::testing {

namespace {

/// Not 0: a clock that has run for a while before.
constexpr std::chrono::hours kBegin{1};
/// Of one turn: handlers that ask for each other without end would never let time pass.
constexpr int kSpinMax = 1'000'000;

/// Counts a call for as long as it lives, whatever is thrown.
class Inside {
 public:
  explicit Inside(int& depth) : depth_(depth) { ++depth_; }
  ~Inside() { --depth_; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  int& depth_;
};

}  // namespace

FakeWorld::FakeWorld(std::uint64_t seed, std::chrono::milliseconds patience)
    : begin_(kBegin), patience_(patience), now_(begin_), random_(seed) {}

void FakeWorld::at(TimePoint when, std::function<void()> action) {
  events_.emplace(std::pair(std::max(when, now_), ++sequence_), std::move(action));
}

void FakeWorld::add_loop(const void* owner, std::function<bool()> poll) {
  loops_.push_back({owner, std::move(poll)});
}

void FakeWorld::remove_loop(const void* owner) {
  std::erase_if(loops_, [owner](const Loop& loop) { return loop.owner == owner; });
}

/// One thing in each. One of them may add or remove others.
bool FakeWorld::poll_round() {
  bool ran = false;
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    const std::function<bool()> poll = loops_[i].poll;
    ran = poll() || ran;
  }
  return ran;
}

void FakeWorld::poll() {
  for (int rounds = 0; poll_round(); ++rounds) {
    if (rounds == kSpinMax) throw FakeError("handlers call for each other without end");
  }
}

/// Whatever is ready, in the loops and in the world's own threads.
void FakeWorld::turn() {
  poll();
  for (int rounds = 0; threads_.run_one(now_); ++rounds) {
    if (rounds == kSpinMax) throw FakeError("a thread waits for no time at all, without end");
    poll();
  }
}

bool FakeWorld::run(const std::function<bool()>& done, TimePoint end) {
  if (threads_.inside()) return threads_.wait(done, end);
  // A turn within a turn would change the order in which things are told.
  if (depth_ != 0) {
    throw FakeError("time cannot pass inside a callback: nothing that waits may be called there");
  }
  const Inside here(depth_);
  turn();
  while (!done()) {
    const TimePoint event = events_.empty() ? TimePoint::max() : events_.begin()->first.first;
    const TimePoint wait = threads_.next_end();
    if (std::min(event, wait) > end) {
      now_ = std::max(now_, end);
      return false;
    }
    now_ = std::max(now_, std::min(event, wait));
    if (event <= wait) events_.extract(events_.begin()).mapped()();
    turn();
  }
  return true;
}

void FakeWorld::run_until(const std::function<bool()>& done) {
  if (run(done, now_ + patience_)) return;
  throw FakeError("nothing came of it in " + std::to_string(patience_.count()) +
                  " ms of the fake's clock (FakeOptions::patience)" + describe_rest());
}

std::chrono::microseconds FakeWorld::elapsed() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(now_ - begin_);
}

void FakeWorld::forget_all() {
  events_.clear();
}

}  // namespace quorate::testing
