// What stands between the layers of a half-sync/half-async pool.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace thread_pool {

/// At most `most` items. When it is full the producer waits: the pressure goes back to whoever
/// fills it.
template <class Item>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t most) : most_(most) {}

  /// False when the queue has been closed; the item is gone then.
  bool push(Item item) {
    {
      std::unique_lock lock(mutex_);
      if (items_.size() >= most_ && !closed_) {
        ++waits_;
        room_.wait(lock, [this] { return items_.size() < most_ || closed_; });
      }
      if (closed_) return false;
      items_.push_back(std::move(item));
    }
    filled_.notify_one();
    return true;
  }

  /// Nothing when the queue has been closed; what was in it is dropped.
  std::optional<Item> pop() {
    std::optional<Item> item;
    {
      std::unique_lock lock(mutex_);
      filled_.wait(lock, [this] { return !items_.empty() || closed_; });
      if (closed_) return item;
      item.emplace(std::move(items_.front()));
      items_.pop_front();
    }
    room_.notify_one();
    return item;
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    filled_.notify_all();
    room_.notify_all();
  }

  /// How often a producer had to wait.
  std::uint64_t waits() const {
    const std::lock_guard lock(mutex_);
    return waits_;
  }

 private:
  const std::size_t most_;
  // Producer and consumers are different threads: the mutex keeps everything below.
  mutable std::mutex mutex_;
  std::condition_variable filled_, room_;
  std::deque<Item> items_;
  bool closed_ = false;
  std::uint64_t waits_ = 0;
};

}  // namespace thread_pool
