// A number that all processes know: here how many workers there shall be.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_queue.h"

using namespace example;

int main(int argc, char** argv) {
  Session here(argc, argv), there(argc, argv);
  News news;
  SyncSharedCounter wanted(here, "/examples/workers", [news](const CounterValue& seen) {
    news.tell("workers: " + std::to_string(seen.value));
  });
  SyncCounter same(there, "/examples/workers");
  const CounterValue now = must(same.get());
  must(same.try_set(now, 6));
  news.await("workers: 6");
  must(same.add(2));
  news.await("workers: 8");
  // Answered from memory; fresh() is false while the servers cannot be reached.
  std::printf("workers wanted: %lld, fresh: %s\n", static_cast<long long>(wanted.value().value),
              wanted.fresh() ? "yes" : "no");
  must(there.remove("/examples/workers"));
}
