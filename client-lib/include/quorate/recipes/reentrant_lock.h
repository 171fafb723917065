// Reentrant lock: its owner may take it again. Guarantees and limits: docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "quorate/client.h"
#include "quorate/recipes/hold.h"

namespace quorate::client {

/// The lock at the znode `path`, as Lock's. The owner is this object, not a thread: while one of
/// its holds is valid, async_acquire() hands out another share of it at once; all shares have the
/// same token. Make one object for each task that may nest.
class ReentrantLock {
 public:
  ReentrantLock(Client& client, std::string path, std::string id = "");

  /// Completes as Lock::async_acquire(). When the former hold has turned invalid its place is given
  /// up and this object stands in line anew; the old shares stay invalid.
  template <asio::completion_token_for<void(ErrorCode, SharedHold)> Token>
  auto async_acquire(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, SharedHold)>(
        [this](auto handler, std::chrono::milliseconds l) { start_acquire(l, std::move(handler)); },
        token, limit);
  }
  using AcquireHandler = asio::any_completion_handler<void(ErrorCode, SharedHold)>;
  void start_acquire(std::chrono::milliseconds limit, AcquireHandler handler);

 private:
  class State;
  Client& client_;
  std::shared_ptr<State> state_;
};

}  // namespace quorate::client
