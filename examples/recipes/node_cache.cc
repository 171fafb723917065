// One znode, followed: its data is at hand at any time, without asking a server.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_cache.h"

using namespace example;

int main(int argc, char** argv) {
  Session client(argc, argv), other(argc, argv);
  News news;
  SyncNodeCache limit(client, "/examples-limit", [news](const CachedNode& node) {
    news.tell(node.exists ? "limit " + node.data : "no limit");
  });
  news.await("no limit");  // It need not exist yet.

  must(other.create("/examples-limit", "10"));
  news.await("limit 10");
  must(other.set_data("/examples-limit", "20"));
  news.await("limit 20");
  const CachedNode now = limit.value();
  std::printf("limit %s, version %d, fresh: %s\n", now.data.c_str(), now.stat.version,
              limit.fresh() ? "yes" : "no");
  must(other.remove("/examples-limit"));
}
