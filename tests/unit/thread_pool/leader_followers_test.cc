#include "examples/leader_follower/thread_pool/leader_followers.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

using namespace thread_pool;

namespace {

constexpr auto kPatience = std::chrono::seconds(60);

/// Events that a test puts in, and a note of every rule that was broken.
class Script {
 public:
  using Event = int;

  std::optional<int> wait() {
    if (waiting_.exchange(true)) two_leaders_ = true;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !events_.empty() || closed_; });
    std::optional<int> event;
    if (!events_.empty()) {
      event = events_.front();
      events_.pop_front();
    }
    waiting_ = false;
    return event;
  }
  void put(int event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
    changed_.notify_all();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  bool two_leaders() const { return two_leaders_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<int> events_;
  bool closed_ = false;
  std::atomic<bool> waiting_{false}, two_leaders_{false};
};

using Set = LeaderFollowers<Script, std::function<void(int)>>;

std::vector<std::thread> join(Set& set, int count) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&set] { set.join(); });
  return threads;
}

void end(Script& script, std::vector<std::thread>& threads) {
  script.close();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST_CASE("leader/followers: one thread waits at a time, and every event is processed once") {
  Script script;
  std::mutex mutex;
  std::multiset<int> seen;
  Set set(script, [&](int event) {
    const std::lock_guard lock(mutex);
    seen.insert(event);
  });
  auto threads = join(set, 4);
  std::multiset<int> put;
  for (int i = 0; i < 5'000; ++i) {
    script.put(i);
    put.insert(i);
  }
  end(script, threads);  // What is in the source is taken before its end is.
  CHECK_FALSE(script.two_leaders());
  CHECK(seen == put);
}

TEST_CASE("leader/followers: a follower is promoted before the event is processed") {
  Script script;
  std::mutex mutex;
  std::condition_variable both;
  int inside = 0;
  bool met = true;
  // Each waits for the other: with one thread, or one that processes before it promotes, never.
  Set set(script, [&](int) {
    std::unique_lock lock(mutex);
    ++inside;
    both.notify_all();
    met = both.wait_for(lock, kPatience, [&] { return inside == 2; }) && met;
  });
  auto threads = join(set, 2);
  script.put(1);
  script.put(2);
  end(script, threads);
  CHECK(inside == 2);
  CHECK(met);
}

TEST_CASE("leader/followers: with all threads at work events wait in the source") {
  Script script;
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0, done = 0;
  bool open = false;
  Set set(script, [&](int) {
    std::unique_lock lock(mutex);
    ++inside;
    changed.notify_all();
    changed.wait_for(lock, kPatience, [&] { return open; });
    --inside;
    ++done;
    changed.notify_all();
  });
  auto threads = join(set, 3);
  for (int i = 0; i < 10; ++i) script.put(i);
  {
    std::unique_lock lock(mutex);
    CHECK(changed.wait_for(lock, kPatience, [&] { return inside == 3; }));
    CHECK(done == 0);
    open = true;
    changed.notify_all();
    CHECK(changed.wait_for(lock, kPatience, [&] { return done == 10; }));
  }
  end(script, threads);
}

TEST_CASE("leader/followers: a closed source ends every thread, also one that comes later") {
  Script script;
  Set set(script, [](int) {});
  auto threads = join(set, 8);
  end(script, threads);
  set.join();
  CHECK_FALSE(script.two_leaders());
}
