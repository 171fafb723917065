// Multi-lock: several locks or none. Guarantees and limits: docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "quorate/client.h"
#include "quorate/recipes/hold.h"

namespace quorate::client {

/// The locks at `paths`, each as Lock's. They are taken one after the other in the order of the
/// sorted paths, so that two users never wait for each other in a circle.
class MultiLock {
 public:
  MultiLock(Client& client, std::vector<std::string> paths, std::string id = "");

  /// Waits until all are held at once, at most `limit` (0: for ever); completes as
  /// Lock::async_acquire(). When the session is suspended on the way, all are given up and it
  /// begins again. Code::BadArguments without any path.
  template <asio::completion_token_for<void(ErrorCode, MultiHold)> Token>
  auto async_acquire(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, MultiHold)>(
        [this](auto handler, std::chrono::milliseconds l) { start_acquire(l, std::move(handler)); },
        token, limit);
  }
  using AcquireHandler = asio::any_completion_handler<void(ErrorCode, MultiHold)>;
  void start_acquire(std::chrono::milliseconds limit, AcquireHandler handler);

 private:
  Client& client_;
  std::vector<std::string> paths_;  ///< Sorted, each once.
  std::string id_;
};

}  // namespace quorate::client
