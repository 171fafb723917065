#include "client-lib/src/recipes/commit_once.h"

#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

namespace {

asio::awaitable<void> forget(JobPtr job, std::string mark) {
  co_await drop(job, mark);
}

void forget_later(const JobPtr& job, const std::string& mark) {
  // Of its own: the caller's job may be over or stopped before the answer comes.
  auto own = std::make_shared<Job>(job->client());
  run_service(own, [own, mark] { return forget(own, mark); });
}

/// Whether the mark is there and our session's.
asio::awaitable<Answer<bool>> find_mark(JobPtr job, std::string mark) {
  // Without sync a lagging server could hide it, and all would be done twice.
  if (const ErrorCode fault = co_await catch_up(job, mark)) co_return fault;
  Answer<Stat> stat = co_await look(job, mark);
  if (stat.error == ErrorCode(Code::NoNode)) co_return false;
  if (stat.error) co_return stat.error;
  co_return stat.value.ephemeral_owner == job->client().session_id().value;
}

}  // namespace

std::string marks_of(const std::string& path) {
  return path + "-__marks__";
}

asio::awaitable<Answer<TransactionReply>> commit_once(JobPtr job, Transaction transaction,
                                                      std::string marks) {
  const std::string mark = join_path(marks, new_guid(job->client()));
  CreateOptions ephemeral(CreateMode::Ephemeral);
  const auto marked = transaction.create(mark, Buffer(""), std::move(ephemeral));
  while (true) {
    Transaction copy = transaction;
    auto [error, reply] = co_await job->client().async_commit(std::move(copy), kAwait);
    if (!error) {
      forget_later(job, mark);
      co_return std::move(reply);
    }
    if (job->why()) {
      forget_later(job, mark);  // It may have been made; this comes behind it.
      co_return job->why();
    }
    if (again(error)) {
      Answer<bool> found = co_await find_mark(job, mark);
      if (found.error) co_return found.error;
      if (!found.value) continue;
      forget_later(job, mark);
      co_return TransactionReply();
    }
    if (error != ErrorCode(Code::NoNode) || reply.failed != marked.index()) co_return error;
    if (const ErrorCode fault = co_await make_path(job, marks)) co_return fault;
  }
}

}  // namespace quorate::client
