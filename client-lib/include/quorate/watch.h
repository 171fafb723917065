// Watches: who is told, as a callback or as an awaitable stream.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "quorate/errors.h"
#include "quorate/types.h"

namespace quorate::client {

namespace asio = boost::asio;

class Client;

/// Where events of watches go. Called on the client's strand only.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  /// The event of type None is the last one.
  virtual void deliver(const WatchEvent& event) = 0;
};

/// A bounded queue of watch events that one consumer awaits. One stream may serve any number of
/// watches of one client. When it is full the newest events are dropped and, after those kept, the
/// consumer gets WatchOverflow once: it must then read the state anew.
class WatchStream {
 public:
  /// Events are queued on the strand of `client`.
  explicit WatchStream(Client& client, std::size_t capacity = 1024);

  /// Waits for the next event. One wait at a time.
  ///
  /// Completes with:
  ///  - no error            an event; type None is the last one (session expired or closed);
  ///  - WatchOverflow       events were lost here;
  ///  - SessionExpired, ClientErrc::Closed   the end was already told;
  ///  - operation_canceled  cancelled by the token's slot; no event is lost by that.
  template <asio::completion_token_for<void(ErrorCode, WatchEvent)> Token>
  auto async_next(Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, WatchEvent)>(
        [this](auto handler) { start_next(std::move(handler)); }, token);
  }
  using NextHandler = asio::any_completion_handler<void(ErrorCode, WatchEvent)>;
  void start_next(NextHandler handler);

  const std::shared_ptr<WatchSink>& sink() const { return sink_; }

 private:
  class Queue;
  std::shared_ptr<Queue> queue_;
  std::shared_ptr<WatchSink> sink_;
};

/// The watch argument of a read: nothing, a callback, or a stream.
class Watcher {
 public:
  Watcher() {}
  Watcher(WatchStream& stream) : sink_(stream.sink()) {}
  /// Called on the client's strand for each event; must not block.
  Watcher(std::function<void(const WatchEvent&)> callback);
  explicit Watcher(std::shared_ptr<WatchSink> sink) : sink_(std::move(sink)) {}

  const std::shared_ptr<WatchSink>& sink() const { return sink_; }

 private:
  std::shared_ptr<WatchSink> sink_;
};

}  // namespace quorate::client
