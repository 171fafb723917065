#include "quorate/recipes/sync_queue.h"

#include "client-lib/src/blocking.h"
#include "quorate/recipes/barrier.h"
#include "quorate/recipes/counter.h"
#include "quorate/recipes/double_barrier.h"
#include "quorate/recipes/locking_queue.h"
#include "quorate/recipes/queue.h"
#include "quorate/recipes/sync_barrier.h"

namespace quorate::client {

// ---- Queues

Status SyncQueue::put(std::string item, int priority) {
  Queue queue(client_.async_face(), path_);
  return wait_done(client_.async_face(), "put into " + path_, [&](auto handler) {
    queue.start_put(std::move(item), priority, std::move(handler));
  });
}

Reply<std::string> SyncQueue::take(std::chrono::milliseconds limit) {
  Queue queue(client_.async_face(), path_);
  return wait_for<std::string>(client_.async_face(), "take from " + path_,
                               [&](auto handler) { queue.start_take(limit, std::move(handler)); });
}

Status SyncLockingQueue::put(std::string item, int priority) {
  LockingQueue queue(client_.async_face(), path_);
  return wait_done(client_.async_face(), "put into " + path_, [&](auto handler) {
    queue.start_put(std::move(item), priority, std::move(handler));
  });
}

Reply<QueueItem> SyncLockingQueue::take(std::chrono::milliseconds limit) {
  LockingQueue queue(client_.async_face(), path_);
  return wait_for<QueueItem>(client_.async_face(), "take from " + path_,
                             [&](auto handler) { queue.start_take(limit, std::move(handler)); });
}

Status SyncLockingQueue::done(const QueueItem& item) {
  LockingQueue queue(client_.async_face(), path_);
  return wait_done(client_.async_face(), "acknowledge " + item.name(),
                   [&](auto handler) { queue.start_done(item.name(), std::move(handler)); });
}

// ---- Counters

Reply<CounterChange> SyncCounter::add(std::int64_t delta, std::chrono::milliseconds limit) {
  AtomicCounter counter(client_.async_face(), path_);
  return wait_for<CounterChange>(client_.async_face(), "add to " + path_, [&](auto handler) {
    counter.start_add(delta, limit, std::move(handler));
  });
}

Reply<CounterValue> SyncCounter::get() {
  AtomicCounter counter(client_.async_face(), path_);
  return wait_for<CounterValue>(client_.async_face(), "counter " + path_,
                                [&](auto handler) { counter.start_get(std::move(handler)); });
}

Status SyncCounter::try_set(CounterValue seen, std::int64_t value) {
  AtomicCounter counter(client_.async_face(), path_);
  return wait_done(client_.async_face(), "set " + path_,
                   [&](auto handler) { counter.start_try_set(seen, value, std::move(handler)); });
}

SyncSharedCounter::SyncSharedCounter(SyncClient& client, std::string path,
                                     std::function<void(const CounterValue&)> changed)
    : atomic_(client, path),
      counter_(std::make_unique<SharedCounter>(client.async_face(), std::move(path),
                                               std::move(changed))) {
  counter_->start();
}
SyncSharedCounter::~SyncSharedCounter() = default;

CounterValue SyncSharedCounter::value() const {
  return counter_->value();
}
bool SyncSharedCounter::fresh() const {
  return counter_->fresh();
}

// ---- Barriers

Status SyncBarrier::raise() {
  Barrier barrier(client_.async_face(), path_);
  return wait_done(client_.async_face(), "raise " + path_,
                   [&](auto handler) { barrier.start_raise(std::move(handler)); });
}

Status SyncBarrier::lower() {
  Barrier barrier(client_.async_face(), path_);
  return wait_done(client_.async_face(), "lower " + path_,
                   [&](auto handler) { barrier.start_lower(std::move(handler)); });
}

Status SyncBarrier::wait(std::chrono::milliseconds limit) {
  Barrier barrier(client_.async_face(), path_);
  return wait_done(client_.async_face(), "wait at " + path_,
                   [&](auto handler) { barrier.start_wait(limit, std::move(handler)); });
}

SyncDoubleBarrier::SyncDoubleBarrier(SyncClient& client, std::string path, int participants,
                                     std::string id)
    : client_(client),
      barrier_(std::make_unique<DoubleBarrier>(client.async_face(), std::move(path), participants,
                                               std::move(id))) {}
SyncDoubleBarrier::~SyncDoubleBarrier() = default;

Status SyncDoubleBarrier::enter(std::chrono::milliseconds limit) {
  return wait_done(client_.async_face(), "enter",
                   [&](auto handler) { barrier_->start_enter(limit, std::move(handler)); });
}

Status SyncDoubleBarrier::leave(std::chrono::milliseconds limit) {
  return wait_done(client_.async_face(), "leave",
                   [&](auto handler) { barrier_->start_leave(limit, std::move(handler)); });
}

}  // namespace quorate::client
