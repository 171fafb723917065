#include "tests/sim/recipes/work.h"

#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "client-lib/src/recipes/steps.h"
#include "tests/sim/world.h"

namespace quorate::sim {
namespace {

struct Row {
  const char* name;
  boost::asio::awaitable<void> (*run)(LifePtr);
};
constexpr Row kWork[] = {{"lock", work_lock},
                         {"read-write", work_read_write},
                         {"semaphore", work_semaphore},
                         {"latch", work_latch},
                         {"selector", work_selector},
                         {"queue", work_queue},
                         {"counter", work_counter},
                         {"gate", work_gate},
                         {"rounds", work_rounds},
                         {"caches", work_caches},
                         {"member", work_member},
                         {"shards", work_shards},
                         {"plain-queues", work_plain_queues},
                         {"multi-lock", work_multi_lock},
                         {"reentrant", work_reentrant},
                         {"group", work_group},
                         {"services", work_services},
                         {"config", work_config}};

}  // namespace

const std::vector<std::string>& work_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Row& row : kWork) all.emplace_back(row.name);
    return all;
  }();
  return names;
}

void beside(const LifePtr& life, boost::asio::awaitable<void> work) {
  boost::asio::co_spawn(life->face->get_executor(), std::move(work), [](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
}

void begin_work(const LifePtr& life) {
  unsigned bit = 0;
  for (const Row& row : kWork) {
    if ((life->world.plan.work >> bit++ & 1) != 0) beside(life, row.run(life));
  }
}

boost::asio::awaitable<void> use(LifePtr life, ClaimPtr claim, int steps) {
  Promises& promises = life->promises;
  for (int step = 0; step < steps && !claim->over && claim->valid() && !life->over; ++step) {
    const Micros there = some_time(*life, 20 * kMillisecond);
    const AskedPtr read = promises.ask_read(claim->resource, claim->token, there);
    co_await sleep(life, 2 * there);
    if (life->over || !read->answered || !read->taken || claim->over || !claim->valid()) break;
    // The gap that no lock can close: between the look at valid() and the write.
    const Micros gap = some_time(*life, 100 * kMillisecond);
    co_await sleep(life, gap);
    if (life->over) break;
    const AskedPtr write =
        promises.ask_write(claim->resource, claim->token, read->value + 1, there);
    co_await sleep(life, 2 * there);
    if (!write->answered || !write->taken) break;
  }
  claim->over = true;
}

bool is_end(const client::ErrorCode& error) {
  return error == client::ErrorCode(Code::SessionExpired) ||
         error == client::ErrorCode(client::ClientErrc::Closed);
}

std::chrono::milliseconds some_limit(Life& life) {
  return std::chrono::milliseconds(life.random.percent(70) ? 0 : life.random.between(5, 3'000));
}

bool is_long(const Life& life, const std::string& path) {
  const ModelNode* node = life.world.checks.model().now(path);
  return node != nullptr && node->children->size() >= 20;
}

Micros some_time(Life& life, Micros most) {
  return life.random.between(kMillisecond, most);
}

}  // namespace quorate::sim
