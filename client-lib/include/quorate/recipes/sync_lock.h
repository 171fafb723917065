// Blocking faces of lock and election. No Boost header.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "quorate/recipes/hold.h"
#include "quorate/sync_client.h"

namespace quorate::client {

/// Lock (recipes/lock.h) for a SyncClient. acquire() answers Code::RequestTimeout when `limit`
/// passed.
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

}  // namespace quorate::client
