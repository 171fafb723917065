#include "quorate/recipes/counter.h"

#include <charconv>
#include <optional>

#include "client-lib/src/recipes/commit_once.h"
#include "client-lib/src/recipes/followed.h"

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

namespace {

bool same_state(const CounterValue& before, const CounterValue& now) {
  return now.version == before.version && now.value == before.value;
}

}  // namespace

class SharedCounter::State : public Followed<CounterValue> {
 public:
  using Followed::Followed;
};

SharedCounter::SharedCounter(Client& client, std::string path, Listener changed)
    : atomic_(client, path),
      state_(
          std::make_shared<State>(client, std::move(path), get, same_state, std::move(changed))) {}

SharedCounter::~SharedCounter() {
  stop();
}

void SharedCounter::start() {
  State::start(state_);
}

void SharedCounter::stop() {
  state_->stop();
}

CounterValue SharedCounter::value() const {
  return state_->value();
}

bool SharedCounter::fresh() const {
  return state_->fresh();
}

}  // namespace quorate::client
