// Barrier: all wait while a znode exists. Guarantees and limits: docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "quorate/client.h"

namespace quorate::client {

/// Up while the persistent znode `path` exists, as kazoo's Barrier. It does not end with the
/// session of who raised it.
class Barrier {
 public:
  Barrier(Client& client, std::string path) : client_(client), path_(std::move(path)) {}

  /// Puts the barrier up. No error when it was up already. Safe to repeat.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_raise(Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler) { start_raise(std::move(handler)); }, token);
  }
  void start_raise(Client::DoneHandler handler);

  /// Takes it down: all who wait pass. No error when it was down already. Safe to repeat, but may
  /// take down a barrier that another has raised meanwhile.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_lower(Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler) { start_lower(std::move(handler)); }, token);
  }
  void start_lower(Client::DoneHandler handler);

  /// Waits until it is down, at most `limit` (0: for ever). Completes with
  ///  - no error     it was seen down once, after this call (it may be up again);
  ///  - timed_out, operation_canceled, SessionExpired, Closed, NoAuth, ...
  /// Lost connections are waited out.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_wait(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::chrono::milliseconds l) { start_wait(l, std::move(handler)); },
        token, limit);
  }
  void start_wait(std::chrono::milliseconds limit, Client::DoneHandler handler);

 private:
  Client& client_;
  std::string path_;
};

}  // namespace quorate::client
