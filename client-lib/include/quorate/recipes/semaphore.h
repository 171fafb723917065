// Semaphore: at most N holders. Guarantees and limits: docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "quorate/client.h"
#include "quorate/recipes/hold.h"

namespace quorate::client {

/// `leases` places at the znode `path`, given out in the order of arrival. The znodes are kazoo's:
/// a child of `path` for each lease in use; `path`-__lock__ is the line of those who wait; the data
/// of `path` is the number of leases, which all users have to agree on.
class Semaphore {
 public:
  Semaphore(Client& client, std::string path, int leases, std::string id = "")
      : client_(client), path_(std::move(path)), leases_(leases), id_(std::move(id)) {}

  /// Waits for a lease, at most `limit` (0: for ever). Completes as Lock::async_acquire(), and with
  ///  - Code::BadArguments  `leases` is below 1, or others use this path with another number.
  template <asio::completion_token_for<void(ErrorCode, Hold)> Token>
  auto async_acquire(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, Hold)>(
        [this](auto handler, std::chrono::milliseconds l) { start_acquire(l, std::move(handler)); },
        token, limit);
  }
  using AcquireHandler = asio::any_completion_handler<void(ErrorCode, Hold)>;
  void start_acquire(std::chrono::milliseconds limit, AcquireHandler handler);

 private:
  Client& client_;
  std::string path_;
  int leases_;
  std::string id_;
};

}  // namespace quorate::client
