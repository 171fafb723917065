#include "client-lib/src/recipes/job.h"

#include "client-lib/src/connection.h"

namespace quorate::client {

namespace {

asio::awaitable<void> drive_service(JobPtr job, std::function<asio::awaitable<void>()> body) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (!job->why()) co_await body();
}

}  // namespace

void RecipeFace::when_closing(std::uint64_t listener, std::function<void()> told) {
  client.connection_->when_closing(listener, std::move(told));
}

void run_done(JobPtr job, std::chrono::milliseconds limit, Client::DoneHandler handler,
              DoneBody body) {
  auto slot = asio::get_associated_cancellation_slot(handler);
  if (slot.is_connected()) {
    slot.assign([weak = std::weak_ptr<Job>(job)](asio::cancellation_type) {
      if (auto running = weak.lock()) running->post_cancel(asio::error::operation_aborted);
    });
  }
  asio::post(job->strand(),
             [job, limit, handler = std::move(handler), body = std::move(body)]() mutable {
               job->limit_to(limit);
               asio::co_spawn(job->strand(), drive_done(job, std::move(handler), std::move(body)),
                              job->token());
             });
}

void run_service(JobPtr job, std::function<asio::awaitable<void>()> body) {
  asio::post(job->strand(), [job, body = std::move(body)]() mutable {
    asio::co_spawn(job->strand(), drive_service(job, std::move(body)), job->token());
  });
}

}  // namespace quorate::client
