// What the caches of one znode have in common: look, tell what is new, wait for the next event.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

/// The newest `Value` that a znode was seen to hold. Held by its service as well as by its owner.
template <class Value>
class Followed {
 public:
  /// Reads the value and leaves a watch for its next change.
  using Look = asio::awaitable<Answer<Value>> (*)(JobPtr job, std::string path, Watcher watcher);
  /// Whether two looks saw one state.
  using Same = bool (*)(const Value& before, const Value& now);
  /// Called on the strand at first and after each change that was seen; must not block.
  using Listener = std::function<void(const Value&)>;

  Followed(const Client& client, std::string path, Look look, Same same, Listener changed)
      : job_(std::make_shared<Job>(client)),
        path_(std::move(path)),
        look_(look),
        same_(same),
        changed_(std::move(changed)) {}

  static void start(std::shared_ptr<Followed> self) {
    run_service(self->job_, [self] { return run(self); });
  }
  void stop() { job_->post_cancel(asio::error::operation_aborted); }

  Value value() const {
    const std::lock_guard guard(mutex_);
    return value_;
  }
  /// Something was seen, and the session is not suspended.
  bool fresh() const {
    const SessionState session = job_->client().state();
    return known_ && (session == SessionState::Connected || session == SessionState::Reconnected);
  }

 private:
  static constexpr std::chrono::milliseconds kRetry{1000};

  static asio::awaitable<void> run(std::shared_ptr<Followed> self) {
    auto bell = std::make_shared<Bell>(self->job_->client());
    while (true) {
      Watcher watcher = ringing(bell);
      Answer<Value> seen = co_await self->look_(self->job_, self->path_, std::move(watcher));
      const bool over = seen.error == ErrorCode(Code::SessionExpired) ||
                        seen.error == ErrorCode(ClientErrc::Closed);
      if (self->job_->why() || over) co_return;
      if (!seen.error) self->take(std::move(seen.value));
      // What the servers refuse (no right), or what makes no sense, is asked for again after a
      // while: there may be no watch on it.
      co_await Bell::wait(bell, seen.error ? kRetry : std::chrono::milliseconds(0));
      if (self->job_->why()) co_return;
    }
  }

  void take(Value seen) {
    const bool same = known_ && same_(value_, seen);
    {
      const std::lock_guard guard(mutex_);
      value_ = seen;
    }
    known_ = true;
    if (!same && changed_) changed_(seen);
  }

  const JobPtr job_;
  const std::string path_;
  const Look look_;
  const Same same_;
  const Listener changed_;
  std::atomic<bool> known_{false};
  mutable std::mutex mutex_;  ///< Any thread asks for the value; posting could not answer at once.
  Value value_;
};

}  // namespace quorate::client
