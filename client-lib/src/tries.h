// What all operations of Retry share: when to ask again, and how to find a node whose making may
// have gone unheard of.
#pragma once

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client-lib/src/completion.h"
#include "client-lib/src/runtime.h"
#include "quorate/retry.h"

namespace quorate::client {

inline constexpr auto kTryAwait = asio::as_tuple(asio::use_awaitable);

/// The tries of one operation; lives on the client's strand.
class Tries : public std::enable_shared_from_this<Tries> {
 public:
  Tries(std::shared_ptr<Client> used, RetryPolicy policy)
      : client(std::move(used)),
        strand_(client->get_executor()),
        runtime_(runtime_of(*client)),
        policy_(policy),
        timer_(runtime_->make_timer(strand_)) {
    if (policy_.limit.count() > 0) end_ = runtime_->now() + policy_.limit;
  }

  /// Whether to ask again after `error`; waits a little before it says yes. Once it was asked, an
  /// earlier try may have been carried out.
  asio::awaitable<bool> again(ErrorCode error) {
    if (!is_transient(error) || stopped_) co_return false;
    in_doubt = true;
    ++made_;
    if (policy_.tries_max > 0 && made_ >= policy_.tries_max) co_return false;
    const Timer::TimePoint next = runtime_->now() + pause_;
    if (end_ && next >= *end_) co_return false;
    pause_ = std::min(std::max(pause_ * 2, policy_.pause_first), policy_.pause_max);
    auto [cancelled] = co_await wait_until(*timer_, next, kTryAwait);
    co_return !cancelled && !stopped_;
  }

  ErrorCode outcome(ErrorCode error) const {
    return stopped_ && error ? ErrorCode(asio::error::operation_aborted) : error;
  }

  /// Lets the handler's slot end the tries. Not bound to the coroutine itself: a slot may be
  /// emitted on any thread, a coroutine is told on its own only.
  template <class Handler>
  asio::cancellation_slot slot_of(Handler& handler) {
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) {
      slot.assign([weak = weak_from_this()](asio::cancellation_type) {
        if (auto tries = weak.lock()) {
          asio::post(tries->strand_, [tries] { tries->stop(); });
        }
      });
    }
    return signal_.slot();
  }

  const std::shared_ptr<Client> client;
  bool in_doubt = false;

 private:
  void stop() {
    stopped_ = true;
    signal_.emit(asio::cancellation_type::terminal);
  }

  const asio::any_io_executor strand_;
  const std::shared_ptr<Runtime> runtime_;
  RetryPolicy policy_;
  const std::unique_ptr<Timer> timer_;
  asio::cancellation_signal signal_;
  std::optional<Timer::TimePoint> end_;
  std::chrono::milliseconds pause_{0};
  int made_ = 0;
  bool stopped_ = false;
};

using TriesPtr = std::shared_ptr<Tries>;

/// Starts `run(tries, handler)` on the client's strand.
template <class Handler, class Run>
void start_tries(const std::shared_ptr<Client>& client, const RetryPolicy& policy, Handler handler,
                 Run run) {
  auto tries = std::make_shared<Tries>(client, policy);
  const asio::cancellation_slot slot = tries->slot_of(handler);
  asio::co_spawn(client->get_executor(), run(tries, std::move(handler)),
                 asio::bind_cancellation_slot(slot, asio::detached));
}

template <class Handler, class... Values>
void finish_tries(const TriesPtr& tries, Handler handler, ErrorCode error, Values... values) {
  post_completion(std::move(handler), tries->client->get_executor(), tries->outcome(error),
                  std::move(values)...);
}

/// A create that may have been carried out without our hearing of it.
struct Creation {
  std::string path;
  Buffer data;
  CreateOptions options;
  std::string parent;
  std::string name;  ///< Of a sequential node, before its number: unique to this creation.
};

enum class Found { No, Ours, Theirs, Failed };

struct Search {
  Found found = Found::No;
  ErrorCode error;  ///< With Failed.
  CreateReply reply;
};

Creation plan_creation(const Client& client, std::string path, Buffer data, CreateOptions options);
/// After a sync, as a server that lags could hide the node and we would make it twice.
asio::awaitable<Search> search_for(TriesPtr tries, const Creation& creation);

}  // namespace quorate::client
