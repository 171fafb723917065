#include "examples/leader_follower/thread_pool/server_pool.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "examples/leader_follower/thread_pool/bounded_queue.h"
#include "examples/leader_follower/thread_pool/leader_followers.h"
#include "examples/leader_follower/thread_pool/sockets.h"

namespace thread_pool {

namespace {

/// What one readiness of a connection brought.
struct Work {
  Connection* connection = nullptr;
  std::vector<std::string> requests;
  bool open = false;
};

/// Both pools, but for which thread does what.
class Base : public ServerPool {
 public:
  Base(const PoolOptions& options, Handler handler)
      : sockets_(options.port, options.connections_max, options.frame_bytes_max),
        handler_(std::move(handler)) {}

  std::uint16_t port() const override { return sockets_.port(); }
  std::uint64_t requests() const override { return answered_.load(); }
  std::uint64_t refused_connections() const override { return sockets_.refused(); }
  std::uint64_t queue_waits() const override { return 0; }

 protected:
  static Work read(Connection* connection) {
    Work work;
    work.connection = connection;
    work.open = connection->receive(work.requests);
    return work;
  }

  void answer(Work& work) {
    for (const std::string& request : work.requests) {
      const std::string reply = handler_(request);
      answered_.fetch_add(1);  // First: whoever has the reply finds it counted.
      work.open = work.connection->send(reply) && work.open;
    }
    give_back(work);
  }

  void give_back(const Work& work) {
    if (work.open) {
      sockets_.again(work.connection);
    } else {
      sockets_.drop(work.connection);
    }
  }

  Sockets sockets_;

 private:
  Handler handler_;
  std::atomic<std::uint64_t> answered_{0};  ///< A count for onlookers; orders nothing.
};

class LeaderFollowersPool : public Base {
 public:
  LeaderFollowersPool(const PoolOptions& options, Handler handler)
      : Base(options, std::move(handler)), set_(*this, Process{this}) {
    for (unsigned i = 0; i < std::max(2u, options.threads); ++i) {
      threads_.emplace_back([this] { set_.join(); });
    }
  }

  ~LeaderFollowersPool() override {
    sockets_.events().close();
    for (std::thread& thread : threads_) thread.join();
  }

  /// The source: one event at a time, so that the leader has nothing to put aside.
  using Event = void*;
  std::optional<Event> wait() {
    std::array<void*, 1> ready;
    if (sockets_.events().wait(ready) == 0) return std::nullopt;
    return ready[0];
  }

 private:
  struct Process {
    LeaderFollowersPool* pool;
    void operator()(Event event) const {
      Connection* const connection = pool->sockets_.open(event);
      if (connection == nullptr) return;
      Work work = read(connection);
      pool->answer(work);
    }
  };

  LeaderFollowers<LeaderFollowersPool, Process> set_;
  std::vector<std::thread> threads_;
};

class HalfSyncHalfAsyncPool : public Base {
 public:
  HalfSyncHalfAsyncPool(const PoolOptions& options, Handler handler)
      : Base(options, std::move(handler)), queue_(options.queue_max) {
    threads_.emplace_back([this] { read_all(); });
    for (unsigned i = 1; i < std::max(2u, options.threads); ++i) {
      threads_.emplace_back([this] {
        while (std::optional<Work> work = queue_.pop()) answer(*work);
      });
    }
  }

  ~HalfSyncHalfAsyncPool() override {
    sockets_.events().close();
    queue_.close();
    for (std::thread& thread : threads_) thread.join();
  }

  std::uint64_t queue_waits() const override { return queue_.waits(); }

 private:
  /// The asynchronous half. It never works on a request, so it can take many events at once.
  void read_all() {
    std::array<void*, 64> ready;
    while (const std::size_t count = sockets_.events().wait(ready)) {
      for (std::size_t i = 0; i < count; ++i) {
        Connection* const connection = sockets_.open(ready[i]);
        if (connection == nullptr) continue;
        Work work = read(connection);
        if (work.requests.empty()) {
          give_back(work);
        } else if (!queue_.push(std::move(work))) {
          return;
        }
      }
    }
  }

  BoundedQueue<Work> queue_;
  std::vector<std::thread> threads_;
};

}  // namespace

const char* name_of(PoolKind kind) {
  return kind == PoolKind::LeaderFollowers ? "leader/followers" : "half-sync/half-async";
}

std::unique_ptr<ServerPool> start_pool(PoolKind kind, PoolOptions options, Handler handler) {
  if (kind == PoolKind::LeaderFollowers) {
    return std::make_unique<LeaderFollowersPool>(options, std::move(handler));
  }
  return std::make_unique<HalfSyncHalfAsyncPool>(options, std::move(handler));
}

}  // namespace thread_pool
