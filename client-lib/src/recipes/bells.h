// Those who wait for one state to change.
#pragma once

#include <vector>

#include "client-lib/src/recipes/job.h"

namespace quorate::client {

/// Strand only. Waiters look at the state again after each ring.
class Bells {
 public:
  void ring() {
    for (const BellPtr& bell : bells_) bell->ring();
  }

  /// Until the next ring, or until `job` is stopped. `owner` keeps these bells alive.
  template <class Owner>
  static asio::awaitable<void> wait(std::shared_ptr<Owner> owner, Bells Owner::*bells, JobPtr job) {
    auto bell = std::make_shared<Bell>(job->client());
    ((*owner).*bells).bells_.push_back(bell);
    co_await Bell::wait(bell);
    std::erase(((*owner).*bells).bells_, bell);
  }

 private:
  std::vector<BellPtr> bells_;  ///< In the order of their coming, which decides who wakes first.
};

}  // namespace quorate::client
