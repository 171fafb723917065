#include "quorate/recipes/counter.h"

#include <atomic>
#include <charconv>
#include <mutex>
#include <optional>

#include "client-lib/src/recipes/commit_once.h"
#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

namespace {

std::optional<std::int64_t> number_in(const Buffer& data) {
  if (!data || data->empty()) return 0;  // As kazoo makes it.
  std::int64_t number = 0;
  const char* end = data->data() + data->size();
  const auto [stop, fault] = std::from_chars(data->data(), end, number);
  if (fault != std::errc() || stop != end) return std::nullopt;
  return number;
}

asio::awaitable<Answer<CounterValue>> get(JobPtr job, std::string path, Watcher watcher = {}) {
  while (true) {
    Answer<GetDataReply> node = co_await read(job, path, watcher);
    if (node.error == ErrorCode(Code::NoNode)) {
      if (const ErrorCode fault = co_await make_path(job, path)) co_return fault;
      continue;
    }
    if (node.error) co_return node.error;
    const std::optional<std::int64_t> number = number_in(node.value.data);
    if (!number) co_return ErrorCode(Code::DataInconsistency);
    co_return CounterValue{*number, node.value.stat.version};
  }
}

asio::awaitable<ErrorCode> try_set(JobPtr job, std::string path, CounterValue seen,
                                   std::int64_t value) {
  Transaction change;
  change.set_data(path, Buffer(std::to_string(value)), seen.version);
  Answer<TransactionReply> done = co_await commit_once(job, std::move(change), marks_of(path));
  co_return done.error;
}

asio::awaitable<Answer<CounterChange>> add(JobPtr job, std::string path, std::int64_t delta) {
  while (true) {
    Answer<CounterValue> seen = co_await get(job, path);
    if (seen.error) co_return seen.error;
    CounterChange change{seen.value.value, 0};
    if (__builtin_add_overflow(change.before, delta, &change.after)) {
      co_return ErrorCode(Code::BadArguments);
    }
    const ErrorCode error = co_await try_set(job, path, seen.value, change.after);
    const bool others = error == ErrorCode(Code::BadVersion) || error == ErrorCode(Code::NoNode);
    if (error && !others) co_return error;
    if (!error) co_return change;
  }
}

}  // namespace

void AtomicCounter::start_add(std::int64_t delta, std::chrono::milliseconds limit,
                              AddHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_job<CounterChange>(job, limit, std::move(handler),
                         [job, path = path_, delta] { return add(job, path, delta); });
}

void AtomicCounter::start_get(GetHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_job<CounterValue>(job, {}, std::move(handler),
                        [job, path = path_] { return get(job, path); });
}

void AtomicCounter::start_try_set(CounterValue seen, std::int64_t value,
                                  Client::DoneHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_done(job, {}, std::move(handler),
           [job, path = path_, seen, value] { return try_set(job, path, seen, value); });
}

// ---- Shared counter
// --------------------------------------------------------------------------------

class SharedCounter::State {
 public:
  State(const Client& client, std::string path, Listener changed)
      : job(std::make_shared<Job>(client)), path_(std::move(path)), changed_(std::move(changed)) {}

  static asio::awaitable<void> run(std::shared_ptr<State> self) {
    auto bell = std::make_shared<Bell>(self->job->client());
    for (bool first = true; true; first = false) {
      Watcher watcher = ringing(bell);
      Answer<CounterValue> seen = co_await get(self->job, self->path_, std::move(watcher));
      if (self->job->why() || seen.error == ErrorCode(Code::SessionExpired) ||
          seen.error == ErrorCode(ClientErrc::Closed)) {
        co_return;
      }
      // Data that is no number is waited out: the next change may mend it.
      if (!seen.error) self->take(seen.value, first);
      co_await Bell::wait(bell);
      if (self->job->why()) co_return;
    }
  }

  CounterValue value() const {
    const std::lock_guard guard(mutex_);
    return value_;
  }

  const JobPtr job;
  std::atomic<bool> known{false};

 private:
  void take(const CounterValue& seen, bool first) {
    const bool same =
        !first && known && seen.version == value_.version && seen.value == value_.value;
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
  CounterValue value_;
};

SharedCounter::SharedCounter(Client& client, std::string path, Listener changed)
    : atomic_(client, path),
      state_(std::make_shared<State>(client, std::move(path), std::move(changed))) {}

SharedCounter::~SharedCounter() {
  stop();
}

void SharedCounter::start() {
  run_service(state_->job, [state = state_] { return State::run(state); });
}

void SharedCounter::stop() {
  state_->job->post_cancel(asio::error::operation_aborted);
}

CounterValue SharedCounter::value() const {
  return state_->value();
}

bool SharedCounter::fresh() const {
  const SessionState session = state_->job->client().state();
  return state_->known &&
         (session == SessionState::Connected || session == SessionState::Reconnected);
}

}  // namespace quorate::client
