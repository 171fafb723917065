#include "quorate/recipes/double_barrier.h"

#include <algorithm>

#include "client-lib/src/recipes/own_node.h"
#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

/// On the client's strand.
class DoubleBarrier::State {
 public:
  State(std::string p, int n, std::string i) : path_(std::move(p)), count_(n), id_(std::move(i)) {}
  ~State() {
    if (own_) own_->release();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  static asio::awaitable<ErrorCode> enter(std::shared_ptr<State> self, JobPtr job) {
    if (self->count_ < 1 || self->own_) co_return ErrorCode(Code::BadArguments);
    OwnNode::Wish wish{self->path_, new_guid(job->client()), /*sequential=*/false, self->id_};
    self->own_ = std::make_shared<OwnNode>(job->client(), std::move(wish));
    ErrorCode error = co_await OwnNode::enter(self->own_, job);
    if (!error) error = co_await await_all(self, job);
    if (error) {
      self->own_->release();
      self->own_.reset();
    }
    co_return error;
  }

  static asio::awaitable<ErrorCode> leave(std::shared_ptr<State> self, JobPtr job) {
    if (!self->own_) co_return ErrorCode(Code::BadArguments);
    const ErrorCode error = co_await await_none(self, job);
    self->own_->release();
    self->own_.reset();
    co_return error;
  }

 private:
  /// Until all are in: when this one completes the number, or hears that another has.
  static asio::awaitable<ErrorCode> await_all(std::shared_ptr<State> self, JobPtr job) {
    const std::string ready = join_path(self->path_, kReady);
    auto bell = self->own_->bell();
    auto opened = std::make_shared<bool>(false);
    while (true) {
      std::function<void(const WatchEvent&)> told = [bell, opened](const WatchEvent& event) {
        if (event.type == EventType::NodeCreated) *opened = true;
        bell->ring();
      };
      Watcher watcher(std::move(told));
      Answer<Stat> sign = co_await look(job, ready, std::move(watcher));
      if (sign.error && sign.error != ErrorCode(Code::NoNode)) co_return sign.error;
      if (self->own_->gone()) co_return ErrorCode(ClientErrc::NodeLost);
      // Made after we came in: the number was complete then, with us in it.
      if (*opened || (!sign.error && sign.value.czxid > self->own_->token())) co_return ErrorCode();
      Answer<GetChildrenReply> listing = co_await list(job, self->path_);
      if (listing.error) co_return listing.error;
      std::vector<std::string> present = participants(std::move(listing.value.children));
      if (!sign.error) {
        const std::int64_t made = sign.value.czxid;
        const ErrorCode fault = co_await clear_stale(self, job, made, std::move(present));
        if (fault) co_return fault;
      } else if (present.size() >= static_cast<std::size_t>(self->count_)) {
        // Whoever comes last counts right, so nobody need watch the others come.
        co_return co_await make_path(job, ready);
      }
      co_await Bell::wait(bell);
      if (job->why()) co_return job->why();
    }
  }

  /// A sign older than everybody here is left over from a round that did not end well; one that
  /// somebody here came before belongs to a round that is ending: it goes by itself.
  static asio::awaitable<ErrorCode> clear_stale(std::shared_ptr<State> self, JobPtr job,
                                                std::int64_t made,
                                                std::vector<std::string> present) {
    Answer<std::map<std::string, Stat>> stats =
        co_await look_at_all(job, self->path_, std::move(present));
    if (stats.error) co_return stats.error;
    for (const auto& [name, stat] : stats.value) {
      if (stat.czxid < made) co_return ErrorCode();
    }
    co_return co_await drop(job, join_path(self->path_, kReady));
  }

  /// As in ZooKeeper's recipe: the first in the order of names waits for the last, all others leave
  /// and wait for the first.
  static asio::awaitable<ErrorCode> await_none(std::shared_ptr<State> self, JobPtr job) {
    const std::string own = name_of_node(self->own_->node());
    auto bell = std::make_shared<Bell>(job->client());
    bool left = false;
    if (const ErrorCode fault = co_await drop(job, join_path(self->path_, kReady))) co_return fault;
    while (true) {
      Answer<GetChildrenReply> listing = co_await list(job, self->path_);
      if (listing.error == ErrorCode(Code::NoNode)) co_return ErrorCode();
      if (listing.error) co_return listing.error;
      std::vector<std::string> present = participants(std::move(listing.value.children));
      std::sort(present.begin(), present.end());
      if (present.empty()) co_return ErrorCode();
      const bool alone = present.size() == 1 && present.front() == own;
      if (alone) co_return co_await drop(job, self->own_->node());
      const bool first = present.front() == own;
      if (!first && !left) {
        if (const ErrorCode fault = co_await drop(job, self->own_->node())) co_return fault;
        left = true;
      }
      const std::string other = join_path(self->path_, first ? present.back() : present.front());
      Watcher watcher = ringing(bell);
      Answer<GetChildrenReply> there = co_await list(job, other, std::move(watcher));
      if (there.error == ErrorCode(Code::NoNode)) continue;
      if (there.error) co_return there.error;
      co_await Bell::wait(bell);
      if (job->why()) co_return job->why();
    }
  }

  static std::vector<std::string> participants(std::vector<std::string> children) {
    std::erase(children, kReady);
    return children;
  }

  static constexpr const char* kReady = "ready";

  const std::string path_;
  const int count_;
  const std::string id_;
  std::shared_ptr<OwnNode> own_;  ///< While in.
};

DoubleBarrier::DoubleBarrier(Client& client, std::string path, int participants, std::string id)
    : client_(client),
      state_(std::make_shared<State>(std::move(path), participants, std::move(id))) {}

DoubleBarrier::~DoubleBarrier() = default;

void DoubleBarrier::start_enter(std::chrono::milliseconds limit, Client::DoneHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_done(job, limit, std::move(handler),
           [state = state_, job] { return State::enter(state, job); });
}

void DoubleBarrier::start_leave(std::chrono::milliseconds limit, Client::DoneHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_done(job, limit, std::move(handler),
           [state = state_, job] { return State::leave(state, job); });
}

}  // namespace quorate::client
