#include "quorate/recipes/node_cache.h"

#include <atomic>
#include <mutex>

#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

class NodeCache::State {
 public:
  State(const Client& client, std::string path, Listener changed)
      : job(std::make_shared<Job>(client)), path_(std::move(path)), changed_(std::move(changed)) {}

  static asio::awaitable<void> run(std::shared_ptr<State> self) {
    auto bell = std::make_shared<Bell>(self->job->client());
    while (true) {
      Watcher watcher = ringing(bell);
      Answer<CachedNode> seen = co_await look_once(self, std::move(watcher));
      const bool over = seen.error == ErrorCode(Code::SessionExpired) ||
                        seen.error == ErrorCode(ClientErrc::Closed);
      if (self->job->why() || over) co_return;
      if (!seen.error) self->take(std::move(seen.value));
      // What the servers refuse (no right) is asked for again after a while.
      co_await Bell::wait(bell, seen.error ? kRetry : std::chrono::milliseconds(0));
      if (self->job->why()) co_return;
    }
  }

  CachedNode value() const {
    const std::lock_guard guard(mutex_);
    return value_;
  }

  const JobPtr job;
  std::atomic<bool> known{false};

 private:
  static constexpr std::chrono::milliseconds kRetry{1000};

  static asio::awaitable<Answer<CachedNode>> look_once(std::shared_ptr<State> self,
                                                       Watcher watcher) {
    while (true) {
      Answer<GetDataReply> node = co_await read(self->job, self->path_, watcher);
      if (!node.error) {
        CachedNode seen{true, node.value.data.value_or(""), node.value.stat};
        co_return std::move(seen);
      }
      if (node.error != ErrorCode(Code::NoNode)) co_return node.error;
      Answer<Stat> stat = co_await look(self->job, self->path_, watcher);
      if (stat.error == ErrorCode(Code::NoNode)) co_return CachedNode();
      if (stat.error) co_return stat.error;
    }
  }

  void take(CachedNode seen) {
    const bool same = known && seen.exists == value_.exists &&
                      seen.stat.mzxid == value_.stat.mzxid && seen.stat.czxid == value_.stat.czxid;
    {
      const std::lock_guard guard(mutex_);
      value_ = seen;
    }
    known = true;
    if (!same && changed_) changed_(seen);
  }

  const std::string path_;
  const Listener changed_;
  mutable std::mutex mutex_;  ///< Any thread asks for the value; posting could not answer at once.
  CachedNode value_;
};

NodeCache::NodeCache(Client& client, std::string path, Listener changed)
    : state_(std::make_shared<State>(client, std::move(path), std::move(changed))) {}

NodeCache::~NodeCache() {
  stop();
}

void NodeCache::start() {
  run_service(state_->job, [state = state_] { return State::run(state); });
}

void NodeCache::stop() {
  state_->job->post_cancel(asio::error::operation_aborted);
}

CachedNode NodeCache::value() const {
  return state_->value();
}

bool NodeCache::fresh() const {
  const SessionState session = state_->job->client().state();
  return state_->known &&
         (session == SessionState::Connected || session == SessionState::Reconnected);
}

}  // namespace quorate::client
