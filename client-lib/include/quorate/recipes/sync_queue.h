// Blocking faces of the queues and counters. No Boost header. What a function promises is said of
// the one of the same name in the header named there. Objects go before their client.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "quorate/recipes/counter_value.h"
#include "quorate/recipes/queue_item.h"
#include "quorate/sync_client.h"

namespace quorate::client {

/// Queue (recipes/queue.h) for a SyncClient. Code::RequestTimeout when `limit` passed.
class SyncQueue {
 public:
  SyncQueue(SyncClient& client, std::string path) : client_(client), path_(std::move(path)) {}

  Status put(std::string item, int priority = 100);
  Reply<std::string> take(std::chrono::milliseconds limit = std::chrono::milliseconds(0));

 private:
  SyncClient& client_;
  std::string path_;
};

/// LockingQueue (recipes/locking_queue.h) for a SyncClient.
class SyncLockingQueue {
 public:
  SyncLockingQueue(SyncClient& client, std::string path)
      : client_(client), path_(std::move(path)) {}

  Status put(std::string item, int priority = 100);
  Reply<QueueItem> take(std::chrono::milliseconds limit = std::chrono::milliseconds(0));
  Status done(const QueueItem& item);

 private:
  SyncClient& client_;
  std::string path_;
};

/// AtomicCounter (recipes/counter.h) for a SyncClient.
class SyncCounter {
 public:
  SyncCounter(SyncClient& client, std::string path) : client_(client), path_(std::move(path)) {}

  Reply<CounterChange> add(std::int64_t delta,
                           std::chrono::milliseconds limit = std::chrono::milliseconds(0));
  Reply<CounterValue> get();
  Status try_set(CounterValue seen, std::int64_t value);

 private:
  SyncClient& client_;
  std::string path_;
};

class SharedCounter;

/// SharedCounter (recipes/counter.h) for a SyncClient: starts at once; the listener runs on the
/// client's I/O thread.
class SyncSharedCounter {
 public:
  SyncSharedCounter(SyncClient& client, std::string path,
                    std::function<void(const CounterValue&)> changed = {});
  ~SyncSharedCounter();

  CounterValue value() const;
  bool fresh() const;
  SyncCounter& atomic() { return atomic_; }

 private:
  SyncCounter atomic_;
  std::unique_ptr<SharedCounter> counter_;
};

}  // namespace quorate::client
