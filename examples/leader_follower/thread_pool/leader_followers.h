// The Leader/Followers pattern: threads that take turns to wait for events.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace thread_pool {

/// One thread, the leader, waits at the source. With an event in hand it first promotes a follower,
/// which waits in its place, and only then processes, beside the new leader; after that it is a
/// follower again, or leads at once when nobody does. So no event passes from thread to thread:
/// there is no queue between, nothing to allocate, and the one who saw it has it in its cache.
///
/// `Source` has a type Event and `std::optional<Event> wait()`: the next event, or nothing once the
/// source is closed, then and for ever. It is called by one thread at a time. Two events that may
/// not be processed beside each other (of one connection) are the source's business: it keeps the
/// handle of an event silent until that has been processed.
template <class Source, class Process>
class LeaderFollowers {
 public:
  using Event = typename Source::Event;

  LeaderFollowers(Source& source, Process process)
      : source_(source), process_(std::move(process)) {}

  /// Lends the calling thread to the set until the source is closed.
  void join() {
    while (std::optional<Event> event = lead()) process_(std::move(*event));
  }

 private:
  /// Waits to become leader, leads until there is an event, and hands the leadership on.
  std::optional<Event> lead() {
    {
      std::unique_lock lock(mutex_);
      promoted_.wait(lock, [this] { return !led_; });
      led_ = true;
    }
    std::optional<Event> event = source_.wait();
    {
      const std::lock_guard lock(mutex_);
      led_ = false;
    }
    // One is enough also at the end: each that leaves wakes the next, which finds the source
    // closed.
    promoted_.notify_one();
    return event;
  }

  Source& source_;
  Process process_;
  // Followers wait here while another leads: the mutex keeps led_, of which there is one.
  std::mutex mutex_;
  std::condition_variable promoted_;
  bool led_ = false;
};

}  // namespace thread_pool
