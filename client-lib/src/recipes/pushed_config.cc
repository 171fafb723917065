#include "quorate/recipes/pushed_config.h"

#include <mutex>

#include "client-lib/src/recipes/commit_once.h"
#include "client-lib/src/recipes/steps.h"
#include "quorate/recipes/node_cache.h"

namespace quorate::client {

class PushedConfig::State {
 public:
  explicit State(Accept accept) : accept_(std::move(accept)) {}

  /// Strand.
  void on_node(const CachedNode& node) {
    ConfigSnapshot seen{node.stat.version, node.stat.mzxid, node.data};
    const bool good = node.exists && (!accept_ || accept_(seen));
    const std::lock_guard guard(mutex_);
    refused_ = !good;
    if (good) current_ = std::move(seen);
  }

  ConfigSnapshot current() const {
    const std::lock_guard guard(mutex_);
    return current_;
  }

  bool refused() const {
    const std::lock_guard guard(mutex_);
    return refused_;
  }

  std::unique_ptr<NodeCache> cache;

 private:
  const Accept accept_;
  mutable std::mutex mutex_;  ///< Any thread asks; posting could not answer at once.
  ConfigSnapshot current_;
  bool refused_ = true;
};

namespace {

asio::awaitable<Answer<std::int32_t>> publish(JobPtr job, std::string path, std::string text,
                                              std::int32_t seen) {
  while (true) {
    Transaction change;
    if (seen < 0) change.create(path, Buffer(text));
    if (seen >= 0) change.set_data(path, Buffer(text), seen);
    Answer<TransactionReply> done = co_await commit_once(job, std::move(change), marks_of(path));
    if (!done.error) co_return seen < 0 ? 0 : seen + 1;
    if (done.error != ErrorCode(Code::NoNode) || seen >= 0) co_return done.error;
    if (const ErrorCode fault = co_await make_path(job, parent_of(path))) co_return fault;
  }
}

}  // namespace

PushedConfig::PushedConfig(Client& client, std::string path, Accept accept)
    : client_(client), path_(std::move(path)), state_(std::make_shared<State>(std::move(accept))) {
  NodeCache::Listener told = [weak = std::weak_ptr<State>(state_)](const CachedNode& node) {
    if (auto state = weak.lock()) state->on_node(node);
  };
  state_->cache = std::make_unique<NodeCache>(client, path_, std::move(told));
}

PushedConfig::~PushedConfig() = default;

void PushedConfig::start() {
  state_->cache->start();
}

ConfigSnapshot PushedConfig::current() const {
  return state_->current();
}

bool PushedConfig::stale() const {
  return state_->refused() || !state_->cache->fresh();
}

void PushedConfig::start_publish(std::string text, std::int32_t seen, PublishHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_job<std::int32_t>(
      job, {}, std::move(handler),
      [job, path = path_, text = std::move(text), seen] { return publish(job, path, text, seen); });
}

}  // namespace quorate::client
