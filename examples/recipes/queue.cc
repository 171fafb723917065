// Items in the order of their arrival, each to one consumer. One that dies with an item takes it
// along; where that matters see locking_queue.cc.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_queue.h"

using namespace example;

int main(int argc, char** argv) {
  Session producer(argc, argv), consumer(argc, argv);
  SyncQueue into(producer, "/examples/queue");
  for (const char* item : {"one", "two", "three"}) must(into.put(item));

  SyncQueue from(consumer, "/examples/queue");
  for (int i = 0; i < 3; ++i) std::printf("%s\n", must(from.take(kSoon)).c_str());
  std::printf("a fourth: %s\n", from.take(200ms) ? "yes" : "no");
}
