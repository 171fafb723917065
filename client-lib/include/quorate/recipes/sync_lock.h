// Blocking faces of the locks and of election. No Boost header. What a function promises is said of
// the one of the same name in the header named there; a call blocks its caller alone, and several
// threads may wait by one object. A Hold goes before its client.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "quorate/recipes/hold.h"
#include "quorate/sync_client.h"

namespace quorate::client {

/// Lock (recipes/lock.h) for a SyncClient. acquire() answers Code::RequestTimeout when `limit`
/// passed; 0 waits for ever. So do all classes here.
class SyncLock {
 public:
  SyncLock(SyncClient& client, std::string path, std::string id = "")
      : client_(client), path_(std::move(path)), id_(std::move(id)) {}

  Reply<Hold> acquire(std::chrono::milliseconds limit = std::chrono::milliseconds(0));
  Reply<std::string> holder();

 private:
  SyncClient& client_;
  std::string path_;
  std::string id_;
};

/// Election (recipes/election.h) for a SyncClient.
class SyncElection {
 public:
  SyncElection(SyncClient& client, std::string path, std::string id)
      : lock_(client, std::move(path), std::move(id)) {}

  Reply<Hold> lead(std::chrono::milliseconds limit = std::chrono::milliseconds(0)) {
    return lock_.acquire(limit);
  }
  Reply<std::string> leader() { return lock_.holder(); }

 private:
  SyncLock lock_;
};

/// ReadWriteLock (recipes/read_write_lock.h) for a SyncClient.
class SyncReadWriteLock {
 public:
  SyncReadWriteLock(SyncClient& client, std::string path, std::string id = "")
      : client_(client), path_(std::move(path)), id_(std::move(id)) {}

  Reply<Hold> read(std::chrono::milliseconds limit = std::chrono::milliseconds(0));
  Reply<Hold> write(std::chrono::milliseconds limit = std::chrono::milliseconds(0));

 private:
  SyncClient& client_;
  std::string path_;
  std::string id_;
};

/// ReentrantLock (recipes/reentrant_lock.h) for a SyncClient. The owner is the calling thread: it
/// may acquire again while it holds; other threads of the process wait in line like anybody.
class SyncReentrantLock {
 public:
  SyncReentrantLock(SyncClient& client, std::string path, std::string id = "");
  ~SyncReentrantLock();

  Reply<SharedHold> acquire(std::chrono::milliseconds limit = std::chrono::milliseconds(0));

 private:
  class Owners;
  SyncClient& client_;
  std::string path_;
  std::string id_;
  std::unique_ptr<Owners> owners_;
};

/// Semaphore (recipes/semaphore.h) for a SyncClient.
class SyncSemaphore {
 public:
  SyncSemaphore(SyncClient& client, std::string path, int leases, std::string id = "")
      : client_(client), path_(std::move(path)), leases_(leases), id_(std::move(id)) {}

  Reply<Hold> acquire(std::chrono::milliseconds limit = std::chrono::milliseconds(0));

 private:
  SyncClient& client_;
  std::string path_;
  int leases_;
  std::string id_;
};

/// MultiLock (recipes/multi_lock.h) for a SyncClient.
class SyncMultiLock {
 public:
  SyncMultiLock(SyncClient& client, std::vector<std::string> paths, std::string id = "")
      : client_(client), paths_(std::move(paths)), id_(std::move(id)) {}

  Reply<MultiHold> acquire(std::chrono::milliseconds limit = std::chrono::milliseconds(0));

 private:
  SyncClient& client_;
  std::vector<std::string> paths_;
  std::string id_;
};

}  // namespace quorate::client
