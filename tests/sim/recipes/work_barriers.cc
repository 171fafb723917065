// Barriers: nobody passes early, nobody is told that all have left while one is in.
#include "client-lib/src/recipes/job.h"
#include "quorate/recipes/barrier.h"
#include "quorate/recipes/double_barrier.h"
#include "tests/sim/recipes/work.h"
#include "tests/sim/world.h"

namespace quorate::sim {

using client::kAwait;
namespace asio = boost::asio;

namespace {

asio::awaitable<void> guard_gate(LifePtr life) {
  client::Barrier gate(*life->face, "/gate");
  while (goes_on(life)) {
    auto [unraised] = co_await gate.async_raise(kAwait);
    if (life->over || is_end(unraised)) co_return;
    const Micros up = some_time(*life, 1500 * kMillisecond);
    co_await sleep(life, up);
    if (life->over) co_return;
    auto [unlowered] = co_await gate.async_lower(kAwait);
    if (life->over || is_end(unlowered)) co_return;
    const Micros down = some_time(*life, 200 * kMillisecond);
    co_await sleep(life, down);
  }
}

}  // namespace

asio::awaitable<void> work_gate(LifePtr life) {
  if (life->process.number() == 0) {
    co_await guard_gate(life);
    co_return;
  }
  client::Barrier gate(*life->face, "/gate");
  while (goes_on(life)) {
    const Micros begin = life->world.scheduler.now();
    const auto limit = some_limit(*life);
    auto [error] = co_await gate.async_wait(limit, kAwait);
    if (life->over || is_end(error)) co_return;
    if (!error && !life->promises.barriers.down_between(begin, life->world.scheduler.now())) {
      life->promises.fail(life->name + " passed the barrier, which was up all the time");
    }
    const Micros pause = some_time(*life, 300 * kMillisecond);
    co_await sleep(life, pause);
  }
}

asio::awaitable<void> work_rounds(LifePtr life) {
  BarrierTally& tally = life->promises.barriers;
  const int number = life->process.number();
  const int all = life->world.plan.processes;
  const int counted = all - (life->world.plan.mutant == Mutant::CountOneLess ? 1 : 0);
  life->promises.progress("round", -1);
  while (goes_on(life)) {
    const int round = tally.round();
    client::DoubleBarrier barrier(*life->face, tally.path_of(round), counted, life->name);
    const auto limit = std::chrono::milliseconds(life->random.between(1'000, 6'000));
    auto [barred] = co_await barrier.async_enter(limit, kAwait);
    if (life->over || is_end(barred)) co_return;
    if (barred) continue;
    std::string wrong =
        tally.passed(round, number, life->face->session_id(), static_cast<std::size_t>(all));
    if (!wrong.empty()) life->promises.fail(wrong);
    life->promises.progress("round", -1);
    const Micros inside = some_time(*life, 300 * kMillisecond);
    co_await sleep(life, inside);
    if (life->over) co_return;
    tally.leaves(round, number);
    auto [stays] = co_await barrier.async_leave(limit, kAwait);
    if (life->over || is_end(stays)) co_return;
    if (!stays) wrong = tally.left(round, number);
    if (!wrong.empty()) life->promises.fail(wrong);
  }
}

}  // namespace quorate::sim
