#include "quorate/recipes/multi_lock.h"

#include <algorithm>

#include "client-lib/src/recipes/contender.h"

namespace quorate::client {

namespace {

asio::awaitable<Answer<MultiHold>> acquire_all(JobPtr job, std::vector<std::string> paths,
                                               std::string id) {
  if (paths.empty()) co_return ErrorCode(Code::BadArguments);
  while (true) {
    std::vector<Hold> holds;
    for (const std::string& path : paths) {
      auto contender = std::make_shared<Contender>(job->client(), path, id, LineRules::exclusive());
      Answer<Hold> hold = co_await Contender::acquire(contender, job);
      if (hold.error) co_return hold.error;
      holds.push_back(std::move(hold.value));
    }
    MultiHold all(std::move(holds));
    // A suspension on the way has ended those held before it.
    if (all.valid()) co_return std::move(all);
  }
}

}  // namespace

MultiLock::MultiLock(Client& client, std::vector<std::string> paths, std::string id)
    : client_(client), paths_(std::move(paths)), id_(std::move(id)) {
  std::sort(paths_.begin(), paths_.end());
  paths_.erase(std::unique(paths_.begin(), paths_.end()), paths_.end());
}

void MultiLock::start_acquire(std::chrono::milliseconds limit, AcquireHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_job<MultiHold>(job, limit, std::move(handler),
                     [job, paths = paths_, id = id_] { return acquire_all(job, paths, id); });
}

}  // namespace quorate::client
