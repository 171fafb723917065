// Hands a result to a user's handler where the handler wants to run.
#pragma once

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <tuple>
#include <utility>

namespace quorate::client {

/// Calls `handler(args...)` on its associated executor, else on `strand`; always from a fresh turn
/// of the strand, so that no user code runs under the feet of the state machine. (An executor
/// behind any_completion_handler can only be dispatched to, hence the two steps.)
template <class Handler, class Executor, class... Args>
void post_completion(Handler handler, const Executor& strand, Args... args) {
  boost::asio::post(strand, [strand, h = std::move(handler),
                             all = std::make_tuple(std::move(args)...)]() mutable {
    auto executor = boost::asio::get_associated_executor(h, strand);
    boost::asio::dispatch(executor, [h = std::move(h), all = std::move(all)]() mutable {
      std::apply(std::move(h), std::move(all));
    });
  });
}

}  // namespace quorate::client
