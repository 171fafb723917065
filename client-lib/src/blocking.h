// Waits on one thread for what completes on another, or, in a virtual world, on this one.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "client-lib/src/runtime.h"
#include "quorate/errors.h"
#include "quorate/sync_client.h"

namespace quorate::client {

/// The watcher that calls `watch`; none where there is nothing to call.
inline Watcher watcher_of(WatchCallback watch) {
  return watch ? Watcher(std::move(watch)) : Watcher();
}

/// Fills code and message of `reply` from `error`, for the operation named `what`.
template <class T>
void set_error(Reply<T>& reply, const ErrorCode& error, const std::string& what) {
  if (!error) return;
  reply.code = to_code(error);
  if (error == boost::system::errc::timed_out) reply.code = Code::RequestTimeout;
  reply.message = what + ": " + error.message();
}

/// Runs `start(handler)`, for an operation of `client`, and waits for handler(error, value).
template <class T, class Start>
Reply<T> wait_for(const Client& client, const std::string& what, Start start) {
  auto promise = std::make_shared<std::promise<Reply<T>>>();
  std::future<Reply<T>> future = promise->get_future();
  start([promise, what](ErrorCode error, T value) {
    Reply<T> reply;
    set_error(reply, error, what);
    reply.value = std::move(value);
    promise->set_value(std::move(reply));
  });
  if (VirtualWorld* world = runtime_of(client)->world()) {
    world->run_until(
        [&] { return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
  }
  return future.get();
}

/// As above for handler(error).
template <class Start>
Status wait_done(const Client& client, const std::string& what, Start start) {
  return wait_for<Nothing>(client, what, [&start](auto handler) {
    start([handler = std::move(handler)](ErrorCode error) mutable { handler(error, Nothing()); });
  });
}

}  // namespace quorate::client
