// Locks of several paths, and locks that are taken again by their owner.
#include <algorithm>

#include "base/ensure.h"
#include "client-lib/src/recipes/job.h"
#include "quorate/recipes/lock.h"
#include "quorate/recipes/multi_lock.h"
#include "quorate/recipes/reentrant_lock.h"
#include "tests/sim/recipes/work.h"
#include "tests/sim/world.h"

namespace quorate::sim {

using client::Hold;
using client::kAwait;
using client::MultiHold;
using client::SharedHold;
namespace asio = boost::asio;

namespace {

// ---- Several at once
// -------------------------------------------------------------------------------

/// Two or three of three, named in any order.
std::vector<std::string> some_paths(Life& life) {
  std::vector<std::string> paths{"/locks/m1", "/locks/m2", "/locks/m3"};
  for (std::size_t i = paths.size() - 1; i > 0; --i) {
    std::swap(paths[i], paths[life.random.below(i + 1)]);
  }
  if (life.random.percent(60)) paths.pop_back();
  return paths;
}

/// The mutant: one after the other, as they were named.
asio::awaitable<client::Answer<MultiHold>> take_unsorted(LifePtr life,
                                                         std::vector<std::string> paths) {
  std::vector<Hold> holds;
  for (const std::string& path : paths) {
    client::Lock lock(*life->face, path, life->name);
    auto [error, hold] = co_await lock.async_acquire(std::chrono::milliseconds(0), kAwait);
    if (life->over) co_return client::ErrorCode(client::ClientErrc::Closed);
    if (error) co_return error;
    holds.push_back(std::move(hold));
    const Micros pause = some_time(*life, 50 * kMillisecond);
    co_await sleep(life, pause);
  }
  co_return MultiHold(std::move(holds));
}

asio::awaitable<client::Answer<MultiHold>> take_all(LifePtr life, std::vector<std::string> paths,
                                                    std::chrono::milliseconds limit) {
  if (life->world.plan.mutant == Mutant::UnsortedLocks) {
    co_return co_await take_unsorted(life, std::move(paths));
  }
  client::MultiLock lock(*life->face, std::move(paths), life->name);
  auto [error, won] = co_await lock.async_acquire(limit, kAwait);
  if (error) co_return error;
  co_return std::move(won);
}

asio::awaitable<void> hold_all(LifePtr life, std::vector<std::string> paths,
                               std::shared_ptr<MultiHold> hold) {
  std::vector<ClaimPtr> claims;
  const std::vector<std::int64_t> tokens = hold->tokens();
  for (std::size_t i = 0; i < paths.size(); ++i) {
    std::function<bool()> valid = [hold] { return hold->valid(); };
    claims.push_back(life->promises.won(life->process, "multi " + paths[i], Claim::Kind::Exclusive,
                                        tokens[i], std::move(valid)));
  }
  life->promises.progress("multi-lock", life->process.number());
  for (const ClaimPtr& claim : claims) co_await use(life, claim, 1);
  hold->release();
}

}  // namespace

asio::awaitable<void> work_multi_lock(LifePtr life) {
  life->promises.progress("multi-lock", life->process.number());
  while (goes_on(life)) {
    const Micros pause = some_time(*life, 300 * kMillisecond);
    co_await sleep(life, pause);
    if (!goes_on(life)) co_return;
    std::vector<std::string> paths = some_paths(*life);
    const auto limit = some_limit(*life);
    const bool for_ever = limit.count() == 0 || life->world.plan.mutant == Mutant::UnsortedLocks;
    const std::uint64_t wait =
        for_ever ? life->promises.waits("multi-lock", life->process.number()) : 0;
    client::Answer<MultiHold> won = co_await take_all(life, paths, limit);
    if (life->over) co_return;
    if (wait != 0) life->promises.waits_no_more(wait);
    if (is_end(won.error)) co_return;
    if (won.error) continue;
    // The tokens come in this order; of the mutant, in that of its names.
    if (life->world.plan.mutant != Mutant::UnsortedLocks) std::sort(paths.begin(), paths.end());
    auto hold = std::make_shared<MultiHold>(std::move(won.value));
    co_await hold_all(life, std::move(paths), hold);
  }
}

// ---- Again and again
// -------------------------------------------------------------------------------

namespace {

/// Of an owner whose hold is valid: at once, with the same token.
asio::awaitable<void> take_again(LifePtr life, client::ReentrantLock& lock, SharedHold outer,
                                 int depth) {
  const bool held = outer.valid();
  const Micros begin = life->world.scheduler.now();
  const auto limit = std::chrono::milliseconds(life->random.between(500, 3'000));
  auto [error, inner] = co_await lock.async_acquire(limit, kAwait);
  if (life->over || error) co_return;
  if (held && outer.valid()) {
    REACHED("reentrant lock taken again");
    const bool same = inner.valid() && inner.token() == outer.token();
    if (!same || life->world.scheduler.now() != begin) {
      life->promises.fail(life->name + " holds a reentrant lock and had to wait for it");
    }
  }
  if (depth > 0) co_await take_again(life, lock, inner, depth - 1);
}

asio::awaitable<void> hold_again(LifePtr life, client::ReentrantLock& lock,
                                 std::shared_ptr<SharedHold> hold) {
  std::function<bool()> valid = [hold] { return hold->valid(); };
  ClaimPtr claim = life->promises.won(life->process, "reentrant", Claim::Kind::Exclusive,
                                      hold->token(), std::move(valid));
  life->promises.progress("reentrant", life->process.number());
  const int steps = static_cast<int>(life->random.between(1, 2));
  co_await use(life, claim, steps);
  if (life->over) co_return;
  const int depth = static_cast<int>(life->random.below(3));
  co_await take_again(life, lock, *hold, depth);
}

}  // namespace

asio::awaitable<void> work_reentrant(LifePtr life) {
  client::ReentrantLock lock(*life->face, "/locks/again", life->name);
  life->promises.progress("reentrant", life->process.number());
  while (goes_on(life)) {
    const Micros pause = some_time(*life, 300 * kMillisecond);
    co_await sleep(life, pause);
    if (!goes_on(life)) co_return;
    const auto limit = some_limit(*life);
    const std::uint64_t wait =
        limit.count() > 0 ? 0 : life->promises.waits("reentrant", life->process.number());
    auto [error, won] = co_await lock.async_acquire(limit, kAwait);
    if (life->over) co_return;
    if (wait != 0) life->promises.waits_no_more(wait);
    if (is_end(error)) co_return;
    if (error) continue;
    auto hold = std::make_shared<SharedHold>(std::move(won));
    co_await hold_again(life, lock, hold);
    hold->release();
  }
}

}  // namespace quorate::sim
