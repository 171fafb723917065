#include "quorate/recipes/barrier.h"

#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

namespace {

asio::awaitable<ErrorCode> wait_down(JobPtr job, std::string path) {
  auto bell = std::make_shared<Bell>(job->client());
  // What this session has heard of must not be what lets it pass: the server may lag behind a
  // raise.
  if (const ErrorCode fault = co_await catch_up(job, path)) co_return fault;
  while (true) {
    Watcher watcher = ringing(bell);
    // A read: unlike exists it leaves no watch behind when the barrier is down.
    Answer<GetDataReply> up = co_await read(job, path, std::move(watcher));
    if (up.error == ErrorCode(Code::NoNode)) co_return ErrorCode();
    if (up.error) co_return up.error;
    co_await Bell::wait(bell);
    if (job->why()) co_return job->why();
  }
}

}  // namespace

void Barrier::start_raise(Client::DoneHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_done(job, {}, std::move(handler), [job, path = path_] { return make_path(job, path); });
}

void Barrier::start_lower(Client::DoneHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_done(job, {}, std::move(handler), [job, path = path_] { return drop(job, path); });
}

void Barrier::start_wait(std::chrono::milliseconds limit, Client::DoneHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_done(job, limit, std::move(handler), [job, path = path_] { return wait_down(job, path); });
}

}  // namespace quorate::client
