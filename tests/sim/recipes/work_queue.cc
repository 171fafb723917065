// A locking queue and a counter: what is acknowledged has happened, once.
#include "client-lib/src/recipes/job.h"
#include "quorate/recipes/counter.h"
#include "quorate/recipes/locking_queue.h"
#include "tests/sim/recipes/work.h"
#include "tests/sim/world.h"

namespace quorate::sim {

using client::kAwait;
using client::LockingQueue;
using client::QueueItem;
namespace asio = boost::asio;

namespace {

/// Time enough to empty the queue before the end.
Micros puts_end(const World& world) {
  return world.plan.load_end - 6 * kSecond;
}

asio::awaitable<void> produce(LifePtr life) {
  LockingQueue queue(*life->face, "/queue");
  QueueTally& tally = life->promises.queue;
  for (int number = 0; goes_on(life) && life->world.scheduler.now() < puts_end(life->world);
       ++number) {
    if (is_long(*life, "/queue/entries")) {
      co_await sleep(life, 500 * kMillisecond);
      continue;
    }
    const std::string item = life->name + "-" + std::to_string(number);
    const int priority = life->random.percent(80) ? 100 : static_cast<int>(life->random.below(3));
    tally.put_begins(item);
    auto [error] = co_await queue.async_put(item, priority, kAwait);
    if (life->over || is_end(error)) co_return;
    // Whatever else went wrong: it may be there.
    if (!error) tally.put_ends(item, Done::Yes);
    const Micros pause = some_time(*life, 900 * kMillisecond);
    co_await sleep(life, pause);
  }
}

asio::awaitable<client::ErrorCode> acknowledge(LifePtr life, LockingQueue& queue,
                                               std::shared_ptr<QueueItem> item) {
  auto [error] = co_await queue.async_done(*item, kAwait);
  if (!error && !life->over) {
    const std::string wrong = life->promises.queue.acknowledged(item->name(), item->data());
    if (!wrong.empty()) life->promises.fail(wrong);
    life->promises.progress("item done", -1);
  }
  co_return error;
}

asio::awaitable<void> work_on(LifePtr life, LockingQueue& queue, std::shared_ptr<QueueItem> item) {
  const bool hasty = life->world.plan.mutant == Mutant::AckBeforeWork;
  if (hasty) {
    const client::ErrorCode refused = co_await acknowledge(life, queue, item);
    if (refused || life->over) co_return;
  }
  const Micros span = some_time(*life, 100 * kMillisecond);
  co_await sleep(life, span);
  if (life->over) co_return;
  if (!hasty && !item->valid()) co_return;  // Another may have it: nothing is done.
  life->promises.queue.worked(item->data());
  if (!hasty) (void)co_await acknowledge(life, queue, item);
}

asio::awaitable<void> consume(LifePtr life) {
  LockingQueue queue(*life->face, "/queue");
  while (!life->over) {
    const auto limit = std::chrono::milliseconds(life->random.between(500, 3'000));
    auto [error, got] = co_await queue.async_take(limit, kAwait);
    if (life->over || is_end(error)) co_return;
    if (error) continue;
    auto item = std::make_shared<QueueItem>(std::move(got));
    const std::string wrong = life->promises.queue.taken(item->name(), item->data());
    if (!wrong.empty()) life->promises.fail(wrong);
    std::function<bool()> valid = [item] { return item->valid(); };
    ClaimPtr claim = life->promises.won(life->process, "item " + item->name(),
                                        Claim::Kind::Exclusive, item->token(), std::move(valid));
    co_await work_on(life, queue, item);
    claim->over = true;
    item->release();
  }
}

}  // namespace

asio::awaitable<void> work_queue(LifePtr life) {
  life->promises.progress("item done", -1);
  beside(life, produce(life));
  co_await consume(life);
}

asio::awaitable<void> work_counter(LifePtr life) {
  client::AtomicCounter counter(*life->face, "/counter");
  CounterTally& tally = life->promises.counter;
  life->promises.progress("counter", life->process.number());
  while (goes_on(life)) {
    const Micros pause = some_time(*life, 400 * kMillisecond);
    co_await sleep(life, pause);
    if (!goes_on(life)) co_return;
    const std::int64_t delta = life->random.between(1, 3);
    const auto limit = some_limit(*life);
    tally.begins(delta);
    auto [error, change] = co_await counter.async_add(delta, limit, kAwait);
    if (life->over || is_end(error)) co_return;
    if (error) continue;
    const std::string wrong = tally.ends(delta, Done::Yes, change.before, change.after);
    if (!wrong.empty()) life->promises.fail(wrong);
    life->promises.progress("counter", life->process.number());
  }
}

}  // namespace quorate::sim
