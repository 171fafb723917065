// Atomic counter and shared counter. Guarantees and limits: docs/recipes.md.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "quorate/client.h"
#include "quorate/recipes/counter_value.h"

namespace quorate::client {

/// A whole number in decimal digits at the znode `path`, as kazoo's Counter with an int. It is made
/// with 0 when it does not exist.
class AtomicCounter {
 public:
  AtomicCounter(Client& client, std::string path) : client_(client), path_(std::move(path)) {}

  /// Adds `delta`, exactly once also when the reply is lost; tries again when others are faster,
  /// for at most `limit` (0: for ever).
  ///
  ///  - timed_out, operation_canceled, SessionExpired   it may have been added or not;
  ///  - Code::BadArguments       the sum is no 64-bit number; nothing was added;
  ///  - Code::DataInconsistency  the znode's data is no whole number.
  template <asio::completion_token_for<void(ErrorCode, CounterChange)> Token>
  auto async_add(std::int64_t delta, std::chrono::milliseconds limit, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, CounterChange)>(
        [this](auto handler, std::int64_t d, std::chrono::milliseconds l) {
          start_add(d, l, std::move(handler));
        },
        token, delta, limit);
  }
  using AddHandler = asio::any_completion_handler<void(ErrorCode, CounterChange)>;
  void start_add(std::int64_t delta, std::chrono::milliseconds limit, AddHandler handler);

  /// The value as the connected server knows it.
  template <asio::completion_token_for<void(ErrorCode, CounterValue)> Token>
  auto async_get(Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, CounterValue)>(
        [this](auto handler) { start_get(std::move(handler)); }, token);
  }
  using GetHandler = asio::any_completion_handler<void(ErrorCode, CounterValue)>;
  void start_get(GetHandler handler);

  /// Sets `value` if nobody has changed the counter since `seen` was read.
  ///
  ///  - Code::BadVersion   somebody has; nothing was set.
  template <asio::completion_token_for<void(ErrorCode)> Token>
  auto async_try_set(CounterValue seen, std::int64_t value, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, CounterValue s, std::int64_t v) {
          start_try_set(s, v, std::move(handler));
        },
        token, seen, value);
  }
  void start_try_set(CounterValue seen, std::int64_t value, Client::DoneHandler handler);

 private:
  Client& client_;
  std::string path_;
};

/// An AtomicCounter whose changes are followed: it always knows a recent value.
class SharedCounter {
 public:
  /// Called on the strand at first and after each change that was seen (two quick ones may be seen
  /// as one); must not block.
  using Listener = std::function<void(const CounterValue&)>;

  SharedCounter(Client& client, std::string path, Listener changed = {});
  ~SharedCounter();  ///< As stop().
  SharedCounter(const SharedCounter&) = delete;
  SharedCounter& operator=(const SharedCounter&) = delete;

  void start();  ///< Once. Any thread.
  void stop();   ///< Any thread.

  /// The latest value seen. Any thread.
  CounterValue value() const;
  /// A value is known and the session is not suspended. Any thread.
  bool fresh() const;

  /// The operations on the same znode.
  AtomicCounter& atomic() { return atomic_; }

 private:
  class State;
  AtomicCounter atomic_;
  std::shared_ptr<State> state_;
};

}  // namespace quorate::client
