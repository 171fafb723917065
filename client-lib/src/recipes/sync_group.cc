#include "quorate/recipes/sync_group.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "client-lib/src/blocking.h"
#include "client-lib/src/recipes/job.h"
#include "quorate/recipes/ephemeral_node.h"
#include "quorate/recipes/group_membership.h"
#include "quorate/recipes/leader_latch.h"
#include "quorate/recipes/leader_selector.h"

namespace quorate::client {

// ---- Leader latch

SyncLeaderLatch::SyncLeaderLatch(SyncClient& client, std::string path, std::string id,
                                 Listener changed)
    : client_(client),
      latch_(std::make_unique<LeaderLatch>(client.async_face(), std::move(path), std::move(id),
                                           std::move(changed))) {}
SyncLeaderLatch::~SyncLeaderLatch() = default;

void SyncLeaderLatch::start() {
  latch_->start();
}
void SyncLeaderLatch::stop() {
  latch_->stop();
}
bool SyncLeaderLatch::leads() const {
  return latch_->leads();
}
std::int64_t SyncLeaderLatch::term() const {
  return latch_->term();
}

Reply<std::int64_t> SyncLeaderLatch::wait(std::chrono::milliseconds limit) {
  return wait_for<std::int64_t>(client_.async_face(), "leader latch", [&](auto handler) {
    latch_->start_wait(limit, std::move(handler));
  });
}

// ---- Leader selector

/// Runs each term's task on a thread and tells the strand when it has returned.
class SyncLeaderSelector::Terms {
 public:
  Terms(SyncClient& client, std::string path, std::string id, Task task,
        LeaderSelector::Options options)
      : shared_(std::make_shared<Shared>(std::move(task))),
        selector_(
            client.async_face(), std::move(path), std::move(id),
            [shared = shared_, runtime = runtime_of(client.async_face()),
             strand = client.async_face().get_executor()](Leadership leadership) {
              return run(shared, runtime, strand, std::move(leadership));
            },
            options) {}

  void start() { selector_.start(); }

  void stop() {
    selector_.stop();
    std::unique_lock guard(shared_->mutex);
    shared_->stopped = true;
    shared_->idle.wait(guard, [&] { return shared_->running == 0; });
  }

 private:
  struct Shared {
    explicit Shared(Task t) : task(std::move(t)) {}
    const Task task;
    std::mutex mutex;  ///< Task threads end on their own; stop() has to wait for them.
    std::condition_variable idle;
    int running = 0;
    bool stopped = false;
  };

  static asio::awaitable<void> run(std::shared_ptr<Shared> shared, std::shared_ptr<Runtime> runtime,
                                   asio::any_io_executor strand, Leadership leadership) {
    {
      const std::lock_guard guard(shared->mutex);
      if (shared->stopped) co_return;
      ++shared->running;
    }
    auto done = std::make_shared<Bell>(runtime, strand);
    std::thread([shared, strand, leadership, done] {
      shared->task(leadership);
      asio::post(strand, [done] { done->ring(); });
      const std::lock_guard guard(shared->mutex);
      --shared->running;
      shared->idle.notify_all();
    }).detach();
    for (bool rung = false; !rung;) rung = co_await Bell::wait(done);
  }

  std::shared_ptr<Shared> shared_;
  LeaderSelector selector_;
};

SyncLeaderSelector::SyncLeaderSelector(SyncClient& client, std::string path, std::string id,
                                       Task task, int priority, bool requeue) {
  LeaderSelector::Options options(priority);
  options.requeue = requeue;
  terms_ =
      std::make_unique<Terms>(client, std::move(path), std::move(id), std::move(task), options);
}

SyncLeaderSelector::~SyncLeaderSelector() {
  stop();
}
void SyncLeaderSelector::start() {
  terms_->start();
}
void SyncLeaderSelector::stop() {
  terms_->stop();
}

// ---- Ephemeral node

SyncEphemeralNode::SyncEphemeralNode(SyncClient& client, std::string path, std::string data)
    : client_(client),
      node_(
          std::make_unique<EphemeralNode>(client.async_face(), std::move(path), std::move(data))) {}
SyncEphemeralNode::~SyncEphemeralNode() = default;

Status SyncEphemeralNode::wait(std::chrono::milliseconds limit) {
  if (!started_) node_->start();
  started_ = true;
  return wait_done(client_.async_face(), "ephemeral node " + node_->path(),
                   [&](auto handler) { node_->start_wait(limit, std::move(handler)); });
}
void SyncEphemeralNode::set_data(std::string data) {
  node_->set_data(std::move(data));
}
bool SyncEphemeralNode::present() const {
  return node_->present();
}
void SyncEphemeralNode::stop() {
  node_->stop();
}

// ---- Group

SyncGroup::SyncGroup(SyncClient& client, std::string path, std::string id)
    : client_(client),
      group_(
          std::make_unique<GroupMembership>(client.async_face(), std::move(path), std::move(id))) {}
SyncGroup::~SyncGroup() = default;

Status SyncGroup::join(std::chrono::milliseconds limit) {
  return wait_done(client_.async_face(), "join",
                   [&](auto handler) { group_->start_join(limit, std::move(handler)); });
}
void SyncGroup::leave() {
  group_->leave();
}
bool SyncGroup::joined() const {
  return group_->joined();
}
Reply<std::vector<Member>> SyncGroup::members() {
  return wait_for<std::vector<Member>>(client_.async_face(), "members", [&](auto handler) {
    group_->start_members(std::move(handler));
  });
}
void SyncGroup::watch(std::function<void(const std::vector<Member>&)> changed) {
  group_->watch(std::move(changed));
}
void SyncGroup::unwatch() {
  group_->unwatch();
}

}  // namespace quorate::client
