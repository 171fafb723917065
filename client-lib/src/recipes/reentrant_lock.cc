#include "quorate/recipes/reentrant_lock.h"

#include <vector>

#include "client-lib/src/recipes/contender.h"

namespace quorate::client {

/// On the client's strand, but for what the constructor sets.
class ReentrantLock::State {
 public:
  State(std::string p, std::string i) : path(std::move(p)), id(std::move(i)) {}

  static asio::awaitable<Answer<SharedHold>> acquire(std::shared_ptr<State> self, JobPtr job) {
    while (true) {
      if (auto hold = self->current.lock(); hold && hold->valid()) co_return SharedHold(hold);
      if (!self->acquiring) break;
      auto bell = std::make_shared<Bell>(job->client());
      self->waiting.push_back(bell);
      co_await Bell::wait(bell);
      std::erase(self->waiting, bell);
      if (job->why()) co_return job->why();
    }
    co_return co_await stand_in_line(self, job);
  }

 private:
  static asio::awaitable<Answer<SharedHold>> stand_in_line(std::shared_ptr<State> self,
                                                           JobPtr job) {
    // The place of a hold that is invalid would bar us for as long as somebody keeps a share of it.
    if (auto former = self->contender.lock()) former->release();
    self->acquiring = true;
    auto contender =
        std::make_shared<Contender>(job->client(), self->path, self->id, LineRules::exclusive());
    Answer<Hold> answer = co_await Contender::acquire(contender, job);
    self->acquiring = false;
    for (const BellPtr& bell : self->waiting) bell->ring();
    if (answer.error) co_return answer.error;
    auto hold = std::make_shared<const Hold>(std::move(answer.value));
    self->current = hold;
    self->contender = contender;
    co_return SharedHold(std::move(hold));
  }

 public:
  const std::string path;
  const std::string id;
  std::weak_ptr<const Hold> current;
  std::weak_ptr<Contender> contender;
  bool acquiring = false;
  std::vector<BellPtr> waiting;  ///< In the order of their coming.
};

ReentrantLock::ReentrantLock(Client& client, std::string path, std::string id)
    : client_(client), state_(std::make_shared<State>(std::move(path), std::move(id))) {}

void ReentrantLock::start_acquire(std::chrono::milliseconds limit, AcquireHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_job<SharedHold>(job, limit, std::move(handler),
                      [state = state_, job] { return State::acquire(state, job); });
}

}  // namespace quorate::client
