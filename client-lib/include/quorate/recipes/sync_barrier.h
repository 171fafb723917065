// Blocking faces of the barriers. No Boost header. What a function promises is said of the one of
// the same name in the header named there. Objects go before their client.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "quorate/sync_client.h"

namespace quorate::client {

class DoubleBarrier;

/// Barrier (recipes/barrier.h) for a SyncClient. Code::RequestTimeout when `limit` passed.
class SyncBarrier {
 public:
  SyncBarrier(SyncClient& client, std::string path) : client_(client), path_(std::move(path)) {}

  Status raise();
  Status lower();
  Status wait(std::chrono::milliseconds limit = std::chrono::milliseconds(0));

 private:
  SyncClient& client_;
  std::string path_;
};

/// DoubleBarrier (recipes/double_barrier.h) for a SyncClient.
class SyncDoubleBarrier {
 public:
  SyncDoubleBarrier(SyncClient& client, std::string path, int participants, std::string id = "");
  ~SyncDoubleBarrier();

  Status enter(std::chrono::milliseconds limit = std::chrono::milliseconds(0));
  Status leave(std::chrono::milliseconds limit = std::chrono::milliseconds(0));

 private:
  SyncClient& client_;
  std::unique_ptr<DoubleBarrier> barrier_;
};

}  // namespace quorate::client
