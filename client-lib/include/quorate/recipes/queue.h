// Queue and priority queue: each item goes to one consumer, at most once. Guarantees and limits:
// docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "quorate/client.h"

namespace quorate::client {

/// Items as children of the znode `path`, with the names of kazoo's Queue: smaller priorities
/// first, within one priority in the order of arrival.
class Queue {
 public:
  Queue(Client& client, std::string path) : client_(client), path_(std::move(path)) {}

  static constexpr int kDefaultPriority = 100;

  /// Adds an item, exactly once also when the reply is lost. `priority` is 0 to 999, smaller first.
  ///
  ///  - Code::BadArguments   no such priority;
  ///  - SessionExpired       while the outcome was unknown: the item may be there or not.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_put(std::string item, int priority, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::string i, int p) {
          start_put(std::move(i), p, std::move(handler));
        },
        token, std::move(item), priority);
  }
  void start_put(std::string item, int priority, Client::DoneHandler handler);

  /// Takes the first item out, waiting for one at most `limit` (0: for ever).
  ///
  ///  - timed_out, operation_canceled   mostly nothing was taken; an item whose removal was under
  ///  way may be lost;
  ///  - SessionExpired, Closed, NoAuth, ...   as well.
  template <asio::completion_token_for<void(ErrorCode, std::string)> Token>
  auto async_take(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::string)>(
        [this](auto handler, std::chrono::milliseconds l) { start_take(l, std::move(handler)); },
        token, limit);
  }
  using TakeHandler = asio::any_completion_handler<void(ErrorCode, std::string)>;
  void start_take(std::chrono::milliseconds limit, TakeHandler handler);

 private:
  Client& client_;
  std::string path_;
};

}  // namespace quorate::client
