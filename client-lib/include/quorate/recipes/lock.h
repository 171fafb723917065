// Fair lock: one holder, in the order of arrival. Guarantees and limits: docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "quorate/client.h"
#include "quorate/recipes/hold.h"

namespace quorate::client {

/// The lock at the znode `path`; each async_acquire() is one contender, a child of it. The names
/// are kazoo's, so that C++ and Python processes may contend for one lock. `id` is the data of the
/// contender's znode, for whoever looks.
class Lock {
 public:
  Lock(Client& client, std::string path, std::string id = "")
      : client_(client), path_(std::move(path)), id_(std::move(id)) {}

  /// Waits in line, at most `limit` (0: for ever).
  ///
  /// Completes with:
  ///  - no error             and a valid Hold;
  ///  - timed_out            limit passed; the place in line is given up;
  ///  - operation_canceled   as well, on cancellation;
  ///  - NodeLost             someone deleted the contender's znode;
  ///  - SessionExpired, Closed, or what create and getChildren refuse (NoAuth, BadArguments, ...).
  /// Lost connections are waited out, keeping the place.
  template <asio::completion_token_for<void(ErrorCode, Hold)> Token>
  auto async_acquire(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, Hold)>(
        [this](auto handler, std::chrono::milliseconds l) { start_acquire(l, std::move(handler)); },
        token, limit);
  }
  using AcquireHandler = asio::any_completion_handler<void(ErrorCode, Hold)>;
  void start_acquire(std::chrono::milliseconds limit, AcquireHandler handler);

  /// Data of the znode of the first in line, who holds the lock or is about to; Code::NoNode when
  /// nobody is there.
  template <asio::completion_token_for<void(ErrorCode, std::string)> Token>
  auto async_holder(Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::string)>(
        [this](auto handler) { start_holder(std::move(handler)); }, token);
  }
  using HolderHandler = asio::any_completion_handler<void(ErrorCode, std::string)>;
  void start_holder(HolderHandler handler);

 private:
  Client& client_;
  std::string path_;
  std::string id_;
};

}  // namespace quorate::client
