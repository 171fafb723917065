// Locking queue: each item is processed at least once. Guarantees and limits: docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "quorate/client.h"
#include "quorate/recipes/queue_item.h"

namespace quorate::client {

/// Items below `path`/entries, claims on them below `path`/taken, as kazoo's LockingQueue. An item
/// stays until its consumer has acknowledged it; a consumer that dies gives it back.
class LockingQueue {
 public:
  LockingQueue(Client& client, std::string path) : client_(client), path_(std::move(path)) {}

  /// As Queue::async_put().
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_put(std::string item, int priority, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::string i, int p) {
          start_put(std::move(i), p, std::move(handler));
        },
        token, std::move(item), priority);
  }
  void start_put(std::string item, int priority, Client::DoneHandler handler);

  /// Claims the first item that nobody has claimed, waiting for one at most `limit` (0: for ever).
  /// Errors as Lock::async_acquire(); no item is lost by any of them.
  template <asio::completion_token_for<void(ErrorCode, QueueItem)> Token>
  auto async_take(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, QueueItem)>(
        [this](auto handler, std::chrono::milliseconds l) { start_take(l, std::move(handler)); },
        token, limit);
  }
  using TakeHandler = asio::any_completion_handler<void(ErrorCode, QueueItem)>;
  void start_take(std::chrono::milliseconds limit, TakeHandler handler);

  /// Removes the item, which is done. One of all who ever take an item gets no error here.
  ///
  ///  - NodeLost         the claim is gone: another consumer has or will get the item;
  ///  - SessionExpired   if the reply was lost before, it may be removed or not.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_done(const QueueItem& item, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::string name) { start_done(std::move(name), std::move(handler)); },
        token, item.name());
  }
  void start_done(std::string name, Client::DoneHandler handler);

 private:
  Client& client_;
  std::string path_;
};

}  // namespace quorate::client
