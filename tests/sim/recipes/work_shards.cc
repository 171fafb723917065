// Shards of a partitioner: a shard is one member's at a time.
#include "client-lib/src/recipes/job.h"
#include "quorate/recipes/partitioner.h"
#include "tests/sim/recipes/work.h"
#include "tests/sim/world.h"

namespace quorate::sim {

using client::Partitioner;
namespace asio = boost::asio;

namespace {

/// A partitioner and what it has told.
struct Shares {
  std::shared_ptr<Partitioner> partitioner;
  std::map<std::string, ClaimPtr> claims;

  void drop(const std::string& shard) {
    if (const auto found = claims.find(shard); found != claims.end()) {
      found->second->over = true;
      claims.erase(found);
    }
  }
  void drop_all() {
    for (auto& [shard, claim] : claims) claim->over = true;
    claims.clear();
  }
};
using SharesPtr = std::shared_ptr<Shares>;

void acquired(const LifePtr& life, const SharesPtr& shares, const std::string& shard,
              std::int64_t token) {
  if (life->over || !shares->partitioner) return;
  std::function<bool()> valid = [weak = std::weak_ptr<Partitioner>(shares->partitioner), shard,
                                 token] {
    const auto partitioner = weak.lock();
    if (!partitioner) return false;
    const auto owned = partitioner->owned();
    const auto found = owned.find(shard);
    return found != owned.end() && found->second == token;
  };
  if (life->world.plan.mutant == Mutant::KeepWorking) valid = [] { return true; };
  shares->drop(shard);
  ClaimPtr claim = life->promises.won(life->process, "shard " + shard, Claim::Kind::Exclusive,
                                      token, std::move(valid));
  shares->claims[shard] = claim;
  life->promises.progress("shard", -1);
  beside(life, use(life, claim, 1000));
}

asio::awaitable<void> finish_shard(LifePtr life, SharesPtr shares, std::string shard,
                                   std::function<void()> done) {
  const bool hasty = life->world.plan.mutant == Mutant::KeepWorking;
  if (hasty) done();
  const Micros span = some_time(*life, 300 * kMillisecond);
  co_await sleep(life, span);
  shares->drop(shard);
  if (!hasty) done();
}

}  // namespace

asio::awaitable<void> work_shards(LifePtr life) {
  life->promises.progress("shard", -1);
  while (!life->over && !is_final(life->face->state())) {
    auto shares = std::make_shared<Shares>();
    client::ShardEvents events;
    events.acquired = [life, shares](const std::string& shard, std::int64_t token) {
      acquired(life, shares, shard, token);
    };
    events.revoke = [life, shares](const std::string& shard, std::function<void()> done) {
      if (!life->over) beside(life, finish_shard(life, shares, shard, std::move(done)));
    };
    events.lost = [shares](const std::string& shard) { shares->drop(shard); };
    const std::string id = "p" + std::to_string(life->process.number());
    std::vector<std::string> shards{"s1", "s2", "s3", "s4"};
    shares->partitioner = std::make_shared<Partitioner>(*life->face, "/shards", std::move(shards),
                                                        id, std::move(events));
    shares->partitioner->start();
    const Micros stays = some_time(*life, 12 * kSecond);
    co_await sleep(life, stays);
    shares->drop_all();
    shares->partitioner->stop();
    shares->partitioner.reset();
    const Micros pause = some_time(*life, kSecond);
    co_await sleep(life, pause);
  }
}

}  // namespace quorate::sim
