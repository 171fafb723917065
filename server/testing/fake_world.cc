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

bool FakeWorld::run(const std::function<bool()>& done, TimePoint end) {
  // A turn within a turn would change the order in which things are told.
  if (depth_ != 0) {
    throw FakeError("time cannot pass inside a callback: nothing that waits may be called there");
  }
  const Inside here(depth_);
  poll();
  while (!done()) {
    if (events_.empty() || events_.begin()->first.first > end) {
      now_ = std::max(now_, end);
      return false;
    }
    auto next = events_.extract(events_.begin());
    now_ = std::max(now_, next.key().first);
    next.mapped()();
    poll();
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
