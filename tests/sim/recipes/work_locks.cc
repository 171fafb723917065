// Locks: believed to be held by one, or by readers, or by so many as there are leases.
#include "client-lib/src/recipes/job.h"
#include "quorate/recipes/lock.h"
#include "quorate/recipes/read_write_lock.h"
#include "quorate/recipes/semaphore.h"
#include "tests/sim/recipes/work.h"
#include "tests/sim/world.h"

namespace quorate::sim {

using client::Hold;
using client::kAwait;
namespace asio = boost::asio;

namespace {

/// What the holder believes. The mutant does not ask again once it has won.
std::function<bool()> belief(const LifePtr& life, const std::shared_ptr<Hold>& hold) {
  if (life->world.plan.mutant == Mutant::TrustHold) return [] { return true; };
  return [hold] { return hold->valid(); };
}

asio::awaitable<void> hold_it(LifePtr life, std::string what, Claim::Kind kind,
                              std::shared_ptr<Hold> hold) {
  std::function<bool()> valid = belief(life, hold);
  ClaimPtr claim = life->promises.won(life->process, what, kind, hold->token(), std::move(valid));
  life->promises.progress(what, life->process.number());
  if (kind == Claim::Kind::Exclusive) {
    const int steps = static_cast<int>(life->random.between(1, 3));
    co_await use(life, claim, steps);
  } else {
    const Micros span = some_time(*life, 200 * kMillisecond);
    co_await sleep(life, span);
  }
  claim->over = true;
  hold->release();
}

/// `wait` 0: the call had a limit.
void stop_waiting(const LifePtr& life, std::uint64_t wait) {
  if (wait != 0) life->promises.waits_no_more(wait);
}

std::uint64_t begin_waiting(const LifePtr& life, const char* what,
                            std::chrono::milliseconds limit) {
  return limit.count() > 0 ? 0 : life->promises.waits(what, life->process.number());
}

}  // namespace

asio::awaitable<void> work_lock(LifePtr life) {
  client::Lock lock(*life->face, "/locks/a", life->name);
  life->promises.progress("lock", life->process.number());
  while (goes_on(life)) {
    const Micros pause = some_time(*life, 300 * kMillisecond);
    co_await sleep(life, pause);
    if (!goes_on(life)) co_return;
    const auto limit = some_limit(*life);
    const std::uint64_t wait = begin_waiting(life, "lock", limit);
    auto [error, won] = co_await lock.async_acquire(limit, kAwait);
    if (life->over) co_return;
    stop_waiting(life, wait);
    if (is_end(error)) co_return;
    if (error) continue;
    auto hold = std::make_shared<Hold>(std::move(won));
    co_await hold_it(life, "lock", Claim::Kind::Exclusive, hold);
  }
}

asio::awaitable<void> work_read_write(LifePtr life) {
  client::ReadWriteLock lock(*life->face, "/locks/rw", life->name);
  life->promises.progress("read-write", life->process.number());
  while (goes_on(life)) {
    const Micros pause = some_time(*life, 300 * kMillisecond);
    co_await sleep(life, pause);
    if (!goes_on(life)) co_return;
    const bool writes = life->random.percent(40);
    const auto limit = some_limit(*life);
    const std::uint64_t wait = begin_waiting(life, "read-write", limit);
    client::ErrorCode error;
    Hold won;
    if (writes) {
      std::tie(error, won) = co_await lock.async_write(limit, kAwait);
    } else {
      std::tie(error, won) = co_await lock.async_read(limit, kAwait);
    }
    if (life->over) co_return;
    stop_waiting(life, wait);
    if (is_end(error)) co_return;
    if (error) continue;
    auto hold = std::make_shared<Hold>(std::move(won));
    const auto kind = writes ? Claim::Kind::Exclusive : Claim::Kind::Shared;
    co_await hold_it(life, "read-write", kind, hold);
  }
}

asio::awaitable<void> work_semaphore(LifePtr life) {
  client::Semaphore semaphore(*life->face, "/locks/s", Promises::kLeases, life->name);
  life->promises.progress("semaphore", life->process.number());
  while (goes_on(life)) {
    const Micros pause = some_time(*life, 200 * kMillisecond);
    co_await sleep(life, pause);
    if (!goes_on(life)) co_return;
    const auto limit = some_limit(*life);
    const std::uint64_t wait = begin_waiting(life, "semaphore", limit);
    auto [error, won] = co_await semaphore.async_acquire(limit, kAwait);
    if (life->over) co_return;
    stop_waiting(life, wait);
    if (is_end(error)) co_return;
    if (error) continue;
    auto hold = std::make_shared<Hold>(std::move(won));
    co_await hold_it(life, "semaphore", Claim::Kind::Lease, hold);
  }
}

}  // namespace quorate::sim
