#include "quorate/recipes/semaphore.h"

#include <charconv>
#include <optional>

#include "client-lib/src/recipes/contender.h"
#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

namespace {

struct Wanted {
  std::string path;
  int leases;
  std::string id;
};

std::optional<int> number_in(const Buffer& data) {
  if (!data || data->empty()) return std::nullopt;
  int number = 0;
  const char* end = data->data() + data->size();
  const auto [stop, fault] = std::from_chars(data->data(), end, number);
  if (fault != std::errc() || stop != end) return std::nullopt;
  return number;
}

/// The number of leases is the data of the path; whoever comes first writes it.
asio::awaitable<ErrorCode> agree_on_leases(JobPtr job, Wanted wanted) {
  while (true) {
    Answer<GetDataReply> node = co_await read(job, wanted.path);
    if (!node.error) {
      const std::optional<int> number = number_in(node.value.data);
      const bool agreed = !number || *number == wanted.leases;
      co_return agreed ? ErrorCode() : ErrorCode(Code::BadArguments);
    }
    if (node.error != ErrorCode(Code::NoNode)) co_return node.error;
    if (const ErrorCode fault = co_await make_path(job, parent_of(wanted.path))) co_return fault;
    Buffer text(std::to_string(wanted.leases));
    CreateOptions options;
    auto [error, reply] = co_await job->client().async_create(wanted.path, std::move(text),
                                                              std::move(options), kAwait);
    if (job->why()) co_return job->why();
    const bool look_again =
        again(error) || error == ErrorCode(Code::NodeExists) || error == ErrorCode(Code::NoNode);
    if (error && !look_again) co_return error;
  }
}

/// Waits for a free place. Only the first in the line of waiters does so: no herd, and nobody is
/// overtaken.
asio::awaitable<Answer<Hold>> take_lease(std::shared_ptr<Contender> line, JobPtr job,
                                         Wanted wanted) {
  auto bell = line->bell();
  while (true) {
    Watcher watcher = ringing(bell);
    Answer<GetChildrenReply> in_use = co_await list(job, wanted.path, std::move(watcher));
    if (in_use.error) co_return in_use.error;
    // Not the hold's validity: a suspension does not change who is first, as long as the place in
    // line exists, and an expired session can create nothing.
    if (line->gone()) co_return ErrorCode(ClientErrc::NodeLost);
    if (in_use.value.children.size() < static_cast<std::size_t>(wanted.leases)) break;
    co_await Bell::wait(bell);
    if (job->why()) co_return job->why();
  }
  OwnNode::Wish wish{wanted.path, new_guid(job->client()), /*sequential=*/false, wanted.id};
  auto lease = std::make_shared<OwnNode>(job->client(), std::move(wish));
  ErrorCode error = co_await OwnNode::enter(lease, job);
  if (!error) error = co_await OwnNode::validate_alone(lease, job);
  if (error) {
    lease->release();
    co_return error;
  }
  Hold hold(lease);
  co_return std::move(hold);
}

asio::awaitable<Answer<Hold>> acquire(JobPtr job, Wanted wanted) {
  if (wanted.leases < 1) co_return ErrorCode(Code::BadArguments);
  if (const ErrorCode fault = co_await agree_on_leases(job, wanted)) co_return fault;
  auto line = std::make_shared<Contender>(job->client(), wanted.path + "-__lock__", wanted.id,
                                          LineRules::exclusive());
  Answer<Hold> first = co_await Contender::acquire(line, job);
  if (first.error) co_return first.error;
  co_return co_await take_lease(line, job, wanted);
}

}  // namespace

void Semaphore::start_acquire(std::chrono::milliseconds limit, AcquireHandler handler) {
  auto job = std::make_shared<Job>(client_);
  Wanted wanted{path_, leases_, id_};
  run_job<Hold>(job, limit, std::move(handler), [job, wanted] { return acquire(job, wanted); });
}

}  // namespace quorate::client
