#include "quorate/recipes/sync_lock.h"

#include <map>
#include <mutex>
#include <thread>

#include "client-lib/src/blocking.h"
#include "quorate/recipes/lock.h"
#include "quorate/recipes/multi_lock.h"
#include "quorate/recipes/read_write_lock.h"
#include "quorate/recipes/reentrant_lock.h"
#include "quorate/recipes/semaphore.h"

namespace quorate::client {

Reply<Hold> SyncLock::acquire(std::chrono::milliseconds limit) {
  Lock lock(client_.async_face(), path_, id_);
  return wait_for<Hold>(client_.async_face(), "lock " + path_,
                        [&](auto handler) { lock.start_acquire(limit, std::move(handler)); });
}

Reply<std::string> SyncLock::holder() {
  Lock lock(client_.async_face(), path_, id_);
  return wait_for<std::string>(client_.async_face(), "holder of " + path_,
                               [&](auto handler) { lock.start_holder(std::move(handler)); });
}

Reply<Hold> SyncReadWriteLock::read(std::chrono::milliseconds limit) {
  ReadWriteLock lock(client_.async_face(), path_, id_);
  return wait_for<Hold>(client_.async_face(), "read lock " + path_,
                        [&](auto handler) { lock.start_read(limit, std::move(handler)); });
}

Reply<Hold> SyncReadWriteLock::write(std::chrono::milliseconds limit) {
  ReadWriteLock lock(client_.async_face(), path_, id_);
  return wait_for<Hold>(client_.async_face(), "write lock " + path_,
                        [&](auto handler) { lock.start_write(limit, std::move(handler)); });
}

Reply<Hold> SyncSemaphore::acquire(std::chrono::milliseconds limit) {
  Semaphore semaphore(client_.async_face(), path_, leases_, id_);
  return wait_for<Hold>(client_.async_face(), "semaphore " + path_,
                        [&](auto handler) { semaphore.start_acquire(limit, std::move(handler)); });
}

Reply<MultiHold> SyncMultiLock::acquire(std::chrono::milliseconds limit) {
  MultiLock lock(client_.async_face(), paths_, id_);
  const std::string what = "multi-lock of " + std::to_string(paths_.size()) + " paths";
  return wait_for<MultiHold>(client_.async_face(), what,
                             [&](auto handler) { lock.start_acquire(limit, std::move(handler)); });
}

/// One reentrant lock for each thread that has asked.
class SyncReentrantLock::Owners {
 public:
  ReentrantLock& of_this_thread(Client& client, const std::string& path, const std::string& id) {
    const std::lock_guard guard(mutex_);
    return locks_.try_emplace(std::this_thread::get_id(), client, path, id).first->second;
  }

 private:
  std::mutex mutex_;  ///< Any thread may be the first to ask.
  std::map<std::thread::id, ReentrantLock> locks_;
};

SyncReentrantLock::SyncReentrantLock(SyncClient& client, std::string path, std::string id)
    : client_(client),
      path_(std::move(path)),
      id_(std::move(id)),
      owners_(std::make_unique<Owners>()) {}

SyncReentrantLock::~SyncReentrantLock() = default;

Reply<SharedHold> SyncReentrantLock::acquire(std::chrono::milliseconds limit) {
  ReentrantLock& lock = owners_->of_this_thread(client_.async_face(), path_, id_);
  return wait_for<SharedHold>(client_.async_face(), "reentrant lock " + path_,
                              [&](auto handler) { lock.start_acquire(limit, std::move(handler)); });
}

}  // namespace quorate::client
