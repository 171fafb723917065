#include "quorate/recipes/leader_latch.h"

#include <mutex>

#include "client-lib/src/recipes/bells.h"
#include "client-lib/src/recipes/contender.h"

namespace quorate::client {

class LeaderLatch::State {
 public:
  State(const Client& client, std::string path, std::string id, Listener changed)
      : job_(std::make_shared<Job>(client)),
        path_(std::move(path)),
        id_(std::move(id)),
        changed_(std::move(changed)) {}

  const JobPtr& job() const { return job_; }

  std::shared_ptr<Hold> hold() const {
    const std::lock_guard guard(mutex_);
    return hold_;
  }

  /// Stands until the job is stopped or the session is over.
  static asio::awaitable<void> run(std::shared_ptr<State> self) {
    while (true) {
      auto contender = std::make_shared<Contender>(self->job_->client(), self->path_, self->id_,
                                                   LineRules::exclusive());
      Answer<Hold> won = co_await Contender::acquire(contender, self->job_);
      if (won.error == ErrorCode(ClientErrc::NodeLost)) continue;
      if (won.error) {
        self->end_ = won.error;
        self->waiting_.ring();
        co_return;
      }
      co_await lead(self, std::make_shared<Hold>(std::move(won.value)));
    }
  }

  static asio::awaitable<Answer<std::int64_t>> wait(std::shared_ptr<State> self, JobPtr waiter) {
    while (true) {
      if (auto hold = self->hold(); hold && hold->valid()) co_return hold->token();
      if (self->end_) co_return self->end_;
      co_await Bells::wait(self, &State::waiting_, waiter);
      if (waiter->why()) co_return waiter->why();
    }
  }

 private:
  static asio::awaitable<void> lead(std::shared_ptr<State> self, std::shared_ptr<Hold> hold) {
    auto ended = std::make_shared<Bell>(self->job_->client());
    hold->on_invalid([ended] { ended->ring(); });
    const std::int64_t term = hold->token();
    self->set_hold(hold);
    self->waiting_.ring();
    if (self->changed_) self->changed_(true, term);
    while (hold->valid() && !self->job_->why()) co_await Bell::wait(ended);
    self->set_hold(nullptr);
    hold->release();
    if (self->changed_) self->changed_(false, term);
  }

  void set_hold(std::shared_ptr<Hold> hold) {
    const std::lock_guard guard(mutex_);
    hold_ = std::move(hold);
  }

  const JobPtr job_;
  const std::string path_;
  const std::string id_;
  const Listener changed_;
  Bells waiting_;
  ErrorCode end_;
  mutable std::mutex mutex_;  ///< Any thread asks for the hold; posting could not answer at once.
  std::shared_ptr<Hold> hold_;
};

LeaderLatch::LeaderLatch(Client& client, std::string path, std::string id, Listener changed)
    : state_(std::make_shared<State>(client, std::move(path), std::move(id), std::move(changed))) {}

LeaderLatch::~LeaderLatch() {
  stop();
}

void LeaderLatch::start() {
  run_service(state_->job(), [state = state_] { return State::run(state); });
}

void LeaderLatch::stop() {
  state_->job()->post_cancel(asio::error::operation_aborted);
}

bool LeaderLatch::leads() const {
  const auto hold = state_->hold();
  return hold && hold->valid();
}

std::int64_t LeaderLatch::term() const {
  const auto hold = state_->hold();
  return hold && hold->valid() ? hold->token() : 0;
}

void LeaderLatch::start_wait(std::chrono::milliseconds limit, WaitHandler handler) {
  auto waiter = std::make_shared<Job>(state_->job()->client());
  run_job<std::int64_t>(waiter, limit, std::move(handler),
                        [state = state_, waiter] { return State::wait(state, waiter); });
}

}  // namespace quorate::client
