// Leader latch: stands as a candidate for as long as it exists. Guarantees and limits:
// docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "quorate/client.h"

namespace quorate::client {

/// One candidate at the znode `path`, in one line with Election, Lock and kazoo's. Unlike Election
/// it stands again by itself after a suspension. It ends with the session.
class LeaderLatch {
 public:
  /// `changed(leads, term)` is called on the strand at each change; it must not block.
  using Listener = std::function<void(bool leads, std::int64_t term)>;

  LeaderLatch(Client& client, std::string path, std::string id, Listener changed = {});
  ~LeaderLatch();  ///< As stop().
  LeaderLatch(const LeaderLatch&) = delete;
  LeaderLatch& operator=(const LeaderLatch&) = delete;

  void start();  ///< Once. Any thread.
  void stop();   ///< Leaves the line, giving leadership up. Any thread; does not wait.

  /// Any thread. False from the moment the session is suspended.
  bool leads() const;
  /// Fencing token of the current leadership; 0 when not leading.
  std::int64_t term() const;

  /// Waits until this candidate leads, at most `limit` (0: for ever).
  ///
  /// Completes with:
  ///  - no error     and the term;
  ///  - timed_out, operation_canceled   it goes on standing;
  ///  - SessionExpired, Closed, NoAuth, ...   why it does not stand any more.
  template <asio::completion_token_for<void(ErrorCode, std::int64_t)> Token>
  auto async_wait(std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::int64_t)>(
        [this](auto handler, std::chrono::milliseconds l) { start_wait(l, std::move(handler)); },
        token, limit);
  }
  using WaitHandler = asio::any_completion_handler<void(ErrorCode, std::int64_t)>;
  void start_wait(std::chrono::milliseconds limit, WaitHandler handler);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace quorate::client
