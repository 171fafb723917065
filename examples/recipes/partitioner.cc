// Four shards, shared among whoever is there. A member works on a shard only while it is its own;
// one that shall move is asked back, and moves when its work is done.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_cache.h"

using namespace example;

namespace {

ShardEvents tell(const News& news, const std::string& name) {
  ShardEvents events;
  events.acquired = [news, name](const std::string& shard, std::int64_t token) {
    if (token > 0) news.tell(name + " has " + shard);
  };
  events.revoke = [news, name](const std::string& shard, std::function<void()> done) {
    news.tell(name + " gives " + shard);  // Finish the work on it, from any thread; then:
    done();
  };
  events.lost = [news, name](const std::string& shard) { news.tell(name + " has lost " + shard); };
  return events;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> shards = {"s1", "s2", "s3", "s4"};
  Session here(argc, argv), there(argc, argv);
  News news;
  SyncPartitioner ours(here, "/examples/shards", shards, "a", tell(news, "a"));
  for (const std::string& shard : shards) news.await("a has " + shard);
  std::printf("alone: %zu shards\n", ours.owned().size());

  SyncPartitioner theirs(there, "/examples/shards", shards, "b", tell(news, "b"));
  news.await("b has s2");
  news.await("b has s4");
  std::printf("of two, one has %zu, the other %zu; s2 is the first's: %s\n", ours.owned().size(),
              theirs.owned().size(), ours.owns("s2") ? "yes" : "no");
}
