// A configuration that is pushed: readers follow it, publishers replace what they have seen.
#include "base/ensure.h"
#include "client-lib/src/recipes/job.h"
#include "quorate/recipes/pushed_config.h"
#include "tests/sim/recipes/work.h"
#include "tests/sim/world.h"

namespace quorate::sim {

using client::ConfigSnapshot;
using client::kAwait;
using client::PushedConfig;
namespace asio = boost::asio;

namespace {

/// What a reader was told last.
struct Seen {
  std::int64_t zxid = 0;
  std::int32_t version = -1;
};

bool accept(const std::weak_ptr<Life>& weak, Seen& seen, const ConfigSnapshot& snapshot) {
  const bool good = ConfigHistory::good(snapshot.text);
  const LifePtr life = weak.lock();
  if (!life || life->over) return good;
  std::string wrong = life->promises.config.seen(snapshot);
  if (snapshot.zxid <= seen.zxid) wrong = "its configuration goes back";
  if (!wrong.empty()) life->promises.fail(life->name + ": " + wrong);
  seen = {snapshot.zxid, snapshot.version};
  if (!good) REACHED("configuration refused by its reader");
  return good;
}

asio::awaitable<void> publish(LifePtr life, PushedConfig& config, std::int32_t version,
                              int number) {
  std::string text = life->name + "-" + std::to_string(number);
  if (life->random.percent(20)) text += "!";
  auto [error, made] = co_await config.async_publish(text, version, kAwait);
  if (life->over || is_end(error)) co_return;
  const bool refused =
      error == client::ErrorCode(Code::BadVersion) || error == client::ErrorCode(Code::NodeExists);
  if (refused) life->promises.config.refused(text);
  if (error) co_return;
  const std::string wrong = life->promises.config.published(text, made);
  if (!wrong.empty()) life->promises.fail(life->name + ": " + wrong);
  life->promises.progress("publication", -1);
}

}  // namespace

asio::awaitable<void> work_config(LifePtr life) {
  life->promises.progress("publication", -1);
  auto seen = std::make_shared<Seen>();
  PushedConfig::Accept told = [weak = std::weak_ptr<Life>(life), seen](const ConfigSnapshot& now) {
    return accept(weak, *seen, now);
  };
  auto config = std::make_shared<PushedConfig>(*life->face, ConfigHistory::kPath, std::move(told));
  config->start();
  life->at_end.push_back([&promises = life->promises, weak = std::weak_ptr<PushedConfig>(config)] {
    const auto kept = weak.lock();
    return kept ? promises.config.differs(kept->current(), kept->stale()) : std::string();
  });
  for (int number = 0; goes_on(life); ++number) {
    const Micros pause = some_time(*life, 700 * kMillisecond);
    co_await sleep(life, pause);
    if (!goes_on(life)) break;
    co_await publish(life, *config, seen->version, number);
  }
  co_await rest_of(life);
}

}  // namespace quorate::sim
