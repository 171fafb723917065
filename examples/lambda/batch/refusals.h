// Refused effects of a worker's threads, counted in one place.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "examples/lambda/registration.h"

namespace lambda_app {

/// RefusedCount for several threads.
class Refusals {
 public:
  Refusals(qc::SyncClient& store, RefusedCount& count) : store_(store), count_(count) {}

  void add(const std::string& what) {
    const std::lock_guard lock(mutex_);
    count_.add(store_, what);
  }

 private:
  std::mutex mutex_;  ///< Keeps the count, which belongs to one thread at a time.
  qc::SyncClient& store_;
  RefusedCount& count_;
};

}  // namespace lambda_app
