// What runs behind one call of a recipe: a face of the session, a limit, a way to be stopped.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
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
#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include "client-lib/src/completion.h"
#include "client-lib/src/runtime.h"
#include "quorate/client.h"

namespace quorate::client {

inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// A second face of a session for work that may outlive the caller's Client; its end ends nothing.
struct RecipeFace {
  explicit RecipeFace(const Client& other) : client(other, Client::Borrow()) {}
  /// Connection::when_closing().
  void when_closing(std::uint64_t listener, std::function<void()> told);
  Client client;
};

/// What a step found out: an error, or a value. Constructors, not an aggregate (g++ 12).
template <class Value>
struct Answer {
  Answer() {}
  Answer(ErrorCode why) : error(why) {}
  Answer(Value found) : value(std::move(found)) {}

  ErrorCode error;
  Value value{};
};

/// Wakes the one coroutine that waits. A ring before the wait is not lost. Strand only.
class Bell {
 public:
  explicit Bell(const Client& client) : Bell(runtime_of(client), client.get_executor()) {}
  Bell(std::shared_ptr<Runtime> runtime, const asio::any_io_executor& strand)
      : runtime_(std::move(runtime)), timer_(runtime_->make_timer(strand)) {}

  void ring() {
    rung_ = true;
    timer_->cancel();
  }

  /// Until rung, or for `limit` at most when it is not zero; false when the limit passed.
  static asio::awaitable<bool> wait(std::shared_ptr<Bell> self,
                                    std::chrono::milliseconds limit = {}) {
    if (!self->rung_) {
      Timer::TimePoint end = Timer::TimePoint::max();
      if (limit.count() > 0) end = self->runtime_->now() + limit;
      auto [ended] = co_await wait_until(*self->timer_, end, kAwait);
      (void)ended;  // Rung, passed or stopped: the caller looks at the state anew.
    }
    co_return std::exchange(self->rung_, false);
  }

 private:
  const std::shared_ptr<Runtime> runtime_;
  const std::unique_ptr<Timer> timer_;
  bool rung_ = false;
};
using BellPtr = std::shared_ptr<Bell>;

/// One call, or one service that runs until it is stopped. Lives on the client's strand.
class Job : public std::enable_shared_from_this<Job> {
 public:
  explicit Job(const Client& client) : face_(client), strand_(client.get_executor()) {}

  Client& client() { return face_.client; }
  const asio::any_io_executor& strand() const { return strand_; }

  /// Why to end: cancelled, limit passed. No error while the work is wanted.
  const ErrorCode& why() const { return why_; }
  ErrorCode or_stopped(ErrorCode error) const { return why_ ? why_ : error; }

  /// Strand only. What is awaited ends with operation_aborted at once.
  void cancel(ErrorCode why) {
    if (why_ || finished_) return;
    why_ = why;
    signal_.emit(asio::cancellation_type::terminal);
  }
  /// Any thread.
  void post_cancel(ErrorCode why) {
    asio::post(strand(), [self = shared_from_this(), why] { self->cancel(why); });
  }

  void limit_to(std::chrono::milliseconds limit) {
    if (limit.count() <= 0) return;
    Runtime& runtime = *runtime_of(client());
    limit_ = runtime.make_timer(strand_);
    limit_->start_wait(runtime.now() + limit, [weak = weak_from_this()](ErrorCode cancelled) {
      auto job = weak.lock();
      if (!cancelled && job) job->cancel(asio::error::timed_out);
    });
  }

  /// From here on neither limit nor cancellation is heeded.
  void finish() {
    finished_ = true;
    limit_.reset();
  }

  /// Completion token for the job's coroutine: stops it on cancel(), and keeps the signal until
  /// Asio has looked at its slot for the last time, which is after the coroutine's end.
  auto token() {
    auto keep = [self = shared_from_this()](std::exception_ptr) {
      asio::post(self->strand(), [self] {});
    };
    return asio::bind_cancellation_slot(signal_.slot(), std::move(keep));
  }

 private:
  RecipeFace face_;
  const asio::any_io_executor strand_;
  ErrorCode why_;
  bool finished_ = false;
  asio::cancellation_signal signal_;
  std::unique_ptr<Timer> limit_;  ///< While there is one.
};
using JobPtr = std::shared_ptr<Job>;

template <class Value>
using JobHandler = asio::any_completion_handler<void(ErrorCode, Value)>;
template <class Value>
using JobBody = std::function<asio::awaitable<Answer<Value>>()>;

template <class Value>
asio::awaitable<void> drive_job(JobPtr job, JobHandler<Value> handler, JobBody<Value> body) {
  co_await asio::this_coro::throw_if_cancelled(false);
  Answer<Value> answer = co_await body();
  job->finish();
  post_completion(std::move(handler), job->strand(), answer.error, std::move(answer.value));
}

/// Runs `body` on the strand, at most for `limit` (0: for ever), and gives its answer to `handler`,
/// whose cancellation slot stops the job.
template <class Value>
void run_job(JobPtr job, std::chrono::milliseconds limit, JobHandler<Value> handler,
             JobBody<Value> body) {
  auto slot = asio::get_associated_cancellation_slot(handler);
  if (slot.is_connected()) {
    slot.assign([weak = std::weak_ptr<Job>(job)](asio::cancellation_type) {
      if (auto running = weak.lock()) running->post_cancel(asio::error::operation_aborted);
    });
  }
  asio::post(
      job->strand(), [job, limit, handler = std::move(handler), body = std::move(body)]() mutable {
        job->limit_to(limit);
        asio::co_spawn(job->strand(), drive_job<Value>(job, std::move(handler), std::move(body)),
                       job->token());
      });
}

/// As above for a handler of the error alone.
using DoneBody = std::function<asio::awaitable<ErrorCode>()>;

inline asio::awaitable<void> drive_done(JobPtr job, Client::DoneHandler handler, DoneBody body) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const ErrorCode error = co_await body();
  job->finish();
  post_completion(std::move(handler), job->strand(), error);
}

void run_done(JobPtr job, std::chrono::milliseconds limit, Client::DoneHandler handler,
              DoneBody body);

/// Work that nobody waits for: runs until its body returns or the job is cancelled.
void run_service(JobPtr job, std::function<asio::awaitable<void>()> body);

}  // namespace quorate::client
