// Leaders: one for each term, one at a time.
#include "client-lib/src/recipes/job.h"
#include "quorate/recipes/leader_latch.h"
#include "quorate/recipes/leader_selector.h"
#include "tests/sim/recipes/work.h"
#include "tests/sim/world.h"

namespace quorate::sim {

using client::LeaderLatch;
using client::LeaderSelector;
using client::Leadership;
namespace asio = boost::asio;

namespace {

/// What the latch has told its listener; outlives the latch, which may tell once more.
struct Told {
  std::shared_ptr<LeaderLatch> latch;
  ClaimPtr claim;
};

void on_change(const LifePtr& life, const std::shared_ptr<Told>& told, bool leads,
               std::int64_t term) {
  if (life->over) return;
  if (!leads) {
    if (told->claim && told->claim->token == term) told->claim->over = true;
    return;
  }
  auto valid = [weak = std::weak_ptr<LeaderLatch>(told->latch), term] {
    const auto latch = weak.lock();
    return latch && latch->leads() && latch->term() == term;
  };
  told->claim = life->promises.won(life->process, "latch", Claim::Kind::Exclusive, term, valid);
  life->promises.progress("latch", -1);
  beside(life, use(life, told->claim, 20));
}

}  // namespace

asio::awaitable<void> work_latch(LifePtr life) {
  life->promises.progress("latch", -1);
  while (!life->over) {
    auto told = std::make_shared<Told>();
    LeaderLatch::Listener listener = [life, told](bool leads, std::int64_t term) {
      on_change(life, told, leads, term);
    };
    told->latch = std::make_shared<LeaderLatch>(*life->face, "/leaders/latch", life->name,
                                                std::move(listener));
    told->latch->start();
    const Micros stands = some_time(*life, 6 * kSecond);
    co_await sleep(life, stands);
    if (told->claim) told->claim->over = true;
    told->latch->stop();
    told->latch.reset();
    const Micros pause = some_time(*life, kSecond);
    co_await sleep(life, pause);
    if (life->over || is_final(life->face->state())) co_return;
  }
}

namespace {

asio::awaitable<void> term_of_office(LifePtr life, Leadership leadership) {
  if (life->over || !leadership.valid()) co_return;
  std::function<bool()> valid = [leadership] { return leadership.valid(); };
  ClaimPtr claim = life->promises.won(life->process, "selector", Claim::Kind::Exclusive,
                                      leadership.term(), std::move(valid));
  life->promises.progress("selector", -1);
  const int steps = leadership.outranked() ? 1 : static_cast<int>(life->random.between(1, 6));
  co_await use(life, claim, steps);
}

}  // namespace

asio::awaitable<void> work_selector(LifePtr life) {
  life->promises.progress("selector", -1);
  LeaderSelector::Task task = [life](Leadership leadership) {
    return term_of_office(life, std::move(leadership));
  };
  const int priority = life->world.plan.seed % 2 == 0 ? 0 : static_cast<int>(life->random.below(3));
  auto selector =
      std::make_shared<LeaderSelector>(*life->face, "/leaders/selector", life->name,
                                       std::move(task), LeaderSelector::Options(priority));
  selector->start();
  co_await rest_of(life);
  selector->stop();
}

}  // namespace quorate::sim
