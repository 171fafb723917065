#include "server/testing/fake_threads.h"

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>

#include "base/ensure.h"
#include "quorate/testing/fake.h"

namespace quorate::testing {

struct FakeThreads::Thread {
  std::function<void()> body;
  const std::function<bool()>* done = nullptr;  ///< What it waits for.
  TimePoint end = TimePoint::max();
  bool woken = false;
  bool ended = false;
  std::exception_ptr thrown;
  std::condition_variable wake;
  std::thread thread;
};

FakeThreads::FakeThreads() = default;
FakeThreads::~FakeThreads() {
  ENSURE(queue_.empty());
}

void FakeThreads::add(std::function<void()> body) {
  auto made = std::make_unique<Thread>();
  made->body = std::move(body);
  queue_.push_back(std::move(made));
}

bool FakeThreads::ready(const Thread& thread, TimePoint now) const {
  if (!thread.thread.joinable()) return true;  // Not begun yet.
  return thread.end <= now || (*thread.done)();
}

FakeThreads::TimePoint FakeThreads::next_end() const {
  TimePoint first = TimePoint::max();
  for (const auto& thread : queue_) first = std::min(first, thread->end);
  return first;
}

bool FakeThreads::run_one(TimePoint now) {
  const auto next = std::find_if(queue_.begin(), queue_.end(),
                                 [&](const auto& each) { return ready(*each, now); });
  if (next == queue_.end()) return false;
  queue_.splice(queue_.end(), queue_, next);
  Thread& thread = *queue_.back();
  give_baton(thread);
  if (!thread.ended) return true;
  thread.thread.join();
  const std::exception_ptr thrown = thread.thrown;
  // Others may have been added behind it.
  std::erase_if(queue_, [&](const auto& each) { return each.get() == &thread; });
  if (thrown) std::rethrow_exception(thrown);
  return true;
}

void FakeThreads::give_baton(Thread& thread) {
  std::unique_lock lock(mutex_);
  ENSURE(running_ == nullptr);
  running_ = &thread;
  thread.woken = true;
  if (thread.thread.joinable()) {
    thread.wake.notify_one();
  } else {
    thread.thread = std::thread([this, &thread] { run(thread); });
  }
  returned_.wait(lock, [this] { return running_ == nullptr; });
}

void FakeThreads::run(Thread& thread) {
  {
    // Behind the assignment of the thread's object.
    const std::lock_guard lock(mutex_);
  }
  try {
    std::exchange(thread.body, nullptr)();
  } catch (...) {
    thread.thrown = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  thread.ended = true;
  running_ = nullptr;
  returned_.notify_one();
}

bool FakeThreads::wait(const std::function<bool()>& done, TimePoint end) {
  if (over_) throw FakeError("the fake ensemble has ended before a thread of its own");
  if (done()) return true;
  Thread& self = *running_;
  self.done = &done;
  self.end = end;
  std::unique_lock lock(mutex_);
  self.woken = false;
  running_ = nullptr;
  returned_.notify_one();
  self.wake.wait(lock, [&] { return self.woken; });
  lock.unlock();
  self.end = TimePoint::max();
  if (over_) throw FakeError("the fake ensemble has ended before a thread of its own");
  return done();
}

void FakeThreads::shut_down() {
  over_ = true;
  while (!queue_.empty()) {
    const std::unique_ptr<Thread> thread = std::move(queue_.front());
    queue_.pop_front();
    if (!thread->thread.joinable()) continue;
    while (!thread->ended) give_baton(*thread);
    thread->thread.join();
  }
}

}  // namespace quorate::testing
