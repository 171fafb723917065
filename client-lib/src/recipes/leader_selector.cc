#include "quorate/recipes/leader_selector.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/ensure.h"
#include "client-lib/src/recipes/contender.h"
#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

namespace {

constexpr std::string_view kMark = "__candidate__";
constexpr int kPriorityMax = 99'999;

std::string candidate_name(const Client& client, int priority) {
  char digits[8];
  std::snprintf(digits, sizeof digits, "%05d", priority);
  return new_guid(client) + std::string(kMark) + digits;
}

/// The candidate whose priority is the next above `mine`; nothing when `mine` is the greatest.
std::optional<std::string> next_above(const std::vector<std::string>& children, int mine) {
  std::optional<std::string> found;
  int least = kPriorityMax + 1;
  for (const std::string& name : children) {
    const std::size_t at = name.rfind(kMark);
    if (at == std::string::npos) continue;
    const int priority = std::atoi(name.c_str() + at + kMark.size());
    if (priority <= mine || priority >= least) continue;
    least = priority;
    found = name;
  }
  return found;
}

}  // namespace

class LeaderSelector::State {
 public:
  State(const Client& client, std::string path, std::string id, Task task, Options options)
      : job_(std::make_shared<Job>(client)),
        path_(std::move(path)),
        id_(std::move(id)),
        task_(std::move(task)),
        options_(options),
        bell_(std::make_shared<Bell>(job_->client())) {
    ENSURE(options.priority >= 0);
    ENSURE(options.priority <= kPriorityMax);
  }

  const JobPtr& job() const { return job_; }

  /// Stands until the job is stopped, the session is over, or the task was run once without
  /// requeue.
  static asio::awaitable<void> run(std::shared_ptr<State> self) {
    for (bool ended = false; !ended;) {
      ended = co_await step(self);  // Not in the condition: g++ 12 destroys the argument twice.
    }
    if (self->candidate_) self->candidate_->release();
  }

 private:
  /// One round: until the next term has ended, or a better candidate made us wait. True at the end.
  static asio::awaitable<bool> step(std::shared_ptr<State> self) {
    if (!self->candidate_ || self->candidate_->gone()) {
      const ErrorCode error = co_await announce(self);
      if (error) co_return true;
    }
    Answer<bool> best = co_await await_being_best(self);
    if (best.error) co_return true;
    if (!best.value) co_return false;
    auto contender = std::make_shared<Contender>(self->job_->client(), self->path_, self->id_,
                                                 LineRules::exclusive());
    Answer<Hold> won = co_await Contender::acquire(contender, self->job_);
    if (won.error == ErrorCode(ClientErrc::NodeLost)) co_return false;
    if (won.error) co_return true;
    // Somebody better may have come while we stood in line.
    Answer<GetChildrenReply> rivals = co_await list(self->job_, self->path_);
    if (rivals.error) co_return true;
    if (next_above(rivals.value.children, self->options_.priority)) co_return false;
    co_await lead(self, std::make_shared<Hold>(std::move(won.value)));
    co_return !self->options_.requeue || self->job_->why();
  }

  static asio::awaitable<ErrorCode> announce(std::shared_ptr<State> self) {
    OwnNode::Wish wish{self->path_, candidate_name(self->job_->client(), self->options_.priority),
                       /*sequential=*/false, self->id_};
    self->candidate_ = std::make_shared<OwnNode>(self->job_->client(), std::move(wish));
    const ErrorCode error = co_await OwnNode::enter(self->candidate_, self->job_);
    co_return error == ErrorCode(ClientErrc::NodeLost) ? ErrorCode() : error;
  }

  /// False after a wait: everything has to be looked at anew.
  static asio::awaitable<Answer<bool>> await_being_best(std::shared_ptr<State> self) {
    Answer<GetChildrenReply> rivals = co_await list(self->job_, self->path_);
    if (rivals.error) co_return rivals.error;
    const auto better = next_above(rivals.value.children, self->options_.priority);
    if (!better) co_return true;
    const std::string path = join_path(self->path_, *better);
    Watcher watcher = ringing(self->bell_);
    Answer<GetChildrenReply> other = co_await list(self->job_, path, std::move(watcher));
    if (other.error && other.error != ErrorCode(Code::NoNode)) co_return other.error;
    if (!other.error) co_await Bell::wait(self->bell_);
    if (self->job_->why()) co_return self->job_->why();
    co_return false;
  }

  static asio::awaitable<void> lead(std::shared_ptr<State> self, std::shared_ptr<Hold> hold) {
    auto outranked = std::make_shared<std::atomic<bool>>(false);
    auto rivals = std::make_shared<Job>(self->job_->client());
    run_service(rivals, [self, rivals, outranked] { return look_out(self, rivals, outranked); });
    self->current_ = hold;
    self->running_ = true;
    Leadership leadership(hold, outranked);
    auto done = std::make_shared<Bell>(self->job_->client());
    // In a coroutine of its own: stopping the selector must not tear the task apart.
    asio::co_spawn(self->job_->strand(), self->task_(leadership), [self, done](std::exception_ptr) {
      self->running_ = false;
      done->ring();
    });
    while (self->running_) co_await Bell::wait(done);
    rivals->cancel(asio::error::operation_aborted);
    hold->release();
    self->current_.reset();
  }

  /// Only the leader watches the candidates, so that no herd wakes when one comes or goes.
  static asio::awaitable<void> look_out(std::shared_ptr<State> self, JobPtr rivals,
                                        std::shared_ptr<std::atomic<bool>> outranked) {
    auto bell = std::make_shared<Bell>(rivals->client());
    while (!rivals->why()) {
      Watcher watcher = ringing(bell);
      Answer<GetChildrenReply> children = co_await list(rivals, self->path_, std::move(watcher));
      if (children.error) co_return;
      *outranked = next_above(children.value.children, self->options_.priority).has_value();
      co_await Bell::wait(bell);
    }
  }

 public:
  /// Strand. The task hears of it by its leadership.
  void stop() {
    if (current_) current_->release();
    job_->cancel(asio::error::operation_aborted);
  }

 private:
  const JobPtr job_;
  const std::string path_;
  const std::string id_;
  const Task task_;
  const Options options_;
  const BellPtr bell_;
  std::shared_ptr<OwnNode> candidate_;
  std::shared_ptr<Hold> current_;
  bool running_ = false;
};

LeaderSelector::LeaderSelector(Client& client, std::string path, std::string id, Task task,
                               Options options)
    : state_(std::make_shared<State>(client, std::move(path), std::move(id), std::move(task),
                                     options)) {}

LeaderSelector::~LeaderSelector() {
  stop();
}

void LeaderSelector::start() {
  run_service(state_->job(), [state = state_] { return State::run(state); });
}

void LeaderSelector::stop() {
  asio::post(state_->job()->strand(), [state = state_] { state->stop(); });
}

}  // namespace quorate::client
