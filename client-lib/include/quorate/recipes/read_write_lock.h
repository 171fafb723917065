// Read-write lock: many readers or one writer. Guarantees and limits: docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "quorate/client.h"
#include "quorate/recipes/hold.h"

namespace quorate::client {

/// The lock at the znode `path`. Fair: a reader waits for the writers that came before it, a writer
/// for all that came before it; so writers do not starve. Names as kazoo's ReadLock and WriteLock.
/// A holder of the read side that asks for the write side waits for itself: release first.
class ReadWriteLock {
 public:
  ReadWriteLock(Client& client, std::string path, std::string id = "")
      : client_(client), path_(std::move(path)), id_(std::move(id)) {}

  /// One of many readers; completes as Lock::async_acquire().
  template <asio::completion_token_for<void(ErrorCode, Hold)> Token>
  auto async_read(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, Hold)>(
        [this](auto handler, std::chrono::milliseconds l) { start_read(l, std::move(handler)); },
        token, limit);
  }
  /// The only writer; completes as Lock::async_acquire().
  template <asio::completion_token_for<void(ErrorCode, Hold)> Token>
  auto async_write(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, Hold)>(
        [this](auto handler, std::chrono::milliseconds l) { start_write(l, std::move(handler)); },
        token, limit);
  }
  using AcquireHandler = asio::any_completion_handler<void(ErrorCode, Hold)>;
  void start_read(std::chrono::milliseconds limit, AcquireHandler handler);
  void start_write(std::chrono::milliseconds limit, AcquireHandler handler);

 private:
  Client& client_;
  std::string path_;
  std::string id_;
};

}  // namespace quorate::client
