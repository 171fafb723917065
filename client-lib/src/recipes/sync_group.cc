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
        runtime_(runtime_of(client.async_face())),
        selector_(
            client.async_face(), std::move(path), std::move(id),
            [shared = shared_, runtime = runtime_,
             strand = client.async_face().get_executor()](Leadership leadership) {
              return run(shared, runtime, strand, std::move(leadership));
            },
            options) {}

  void start() { selector_.start(); }

  void stop() {
    selector_.stop();
    std::unique_lock guard(shared_->mutex);
    shared_->stopped = true;
    const auto idle = [this] { return shared_->running == 0; };
    VirtualWorld* const world = runtime_->world();
    if (world == nullptr) return shared_->idle.wait(guard, idle);
    if (idle()) return;
    guard.unlock();  // One thread at a time there: nobody else is at it.
    world->run_until(idle);
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

  /// Tells that a task has ended, also one that threw (which ends the process, but for a virtual
  /// world, where the test is told).
  class Ended {
   public:
    Ended(Shared& shared, const asio::any_io_executor& strand, BellPtr done)
        : shared_(shared), strand_(strand), done_(std::move(done)) {}
    ~Ended() {
      asio::post(strand_, [done = done_] { done->ring(); });
      const std::lock_guard guard(shared_.mutex);
      --shared_.running;
      shared_.idle.notify_all();
    }
    Ended(const Ended&) = delete;
    Ended& operator=(const Ended&) = delete;

   private:
    Shared& shared_;
    const asio::any_io_executor strand_;
    const BellPtr done_;
  };

  static asio::awaitable<void> run(std::shared_ptr<Shared> shared, std::shared_ptr<Runtime> runtime,
                                   asio::any_io_executor strand, Leadership leadership) {
    {
      const std::lock_guard guard(shared->mutex);
      if (shared->stopped) co_return;
      ++shared->running;
    }
    auto done = std::make_shared<Bell>(runtime, strand);
    std::function<void()> term = [shared, strand, leadership, done] {
      const Ended ended(*shared, strand, done);
      shared->task(leadership);
    };
    if (VirtualWorld* const world = runtime->world()) {
      world->start_thread(std::move(term));
    } else {
      std::thread(std::move(term)).detach();
    }
    for (bool rung = false; !rung;) rung = co_await Bell::wait(done);
  }

  std::shared_ptr<Shared> shared_;
  const std::shared_ptr<Runtime> runtime_;
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
