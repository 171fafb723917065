// Double barrier: N begin together and end together. Guarantees and limits: docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "quorate/client.h"

namespace quorate::client {

/// One participant of a round at the znode `path`, znodes as kazoo's DoubleBarrier: an ephemeral
/// child for each participant and the child `ready`, made by the one who completes the number.
class DoubleBarrier {
 public:
  DoubleBarrier(Client& client, std::string path, int participants, std::string id = "");
  ~DoubleBarrier();  ///< A participant that has entered and not left goes, without waiting.
  DoubleBarrier(const DoubleBarrier&) = delete;
  DoubleBarrier& operator=(const DoubleBarrier&) = delete;

  /// Waits until all participants have entered, at most `limit` (0: for ever). Completes with
  ///  - no error            at some moment all of them were in together;
  ///  - timed_out, operation_canceled   this one is out again;
  ///  - NodeLost            somebody deleted this participant's znode;
  ///  - Code::BadArguments  fewer than one participant, or entered already;
  ///  - SessionExpired, Closed, NoAuth, ...
  /// Lost connections are waited out.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_enter(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::chrono::milliseconds l) { start_enter(l, std::move(handler)); },
        token, limit);
  }
  void start_enter(std::chrono::milliseconds limit, Client::DoneHandler handler);

  /// Leaves and waits until all have left, at most `limit` (0: for ever). A participant whose
  /// session expires counts as left. Errors as above; Code::BadArguments when it has not entered.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_leave(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, std::chrono::milliseconds l) { start_leave(l, std::move(handler)); },
        token, limit);
  }
  void start_leave(std::chrono::milliseconds limit, Client::DoneHandler handler);

 private:
  class State;
  Client& client_;
  std::shared_ptr<State> state_;
};

}  // namespace quorate::client
