// At least once: an item stays until its consumer says that it is done. One whose session ends
// before that leaves it to the next.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_queue.h"

using namespace example;

int main(int argc, char** argv) {
  Session producer(argc, argv);
  must(SyncLockingQueue(producer, "/examples/locking-queue").put("invoice 4711"));

  std::int64_t first = 0;
  {
    Session unlucky(argc, argv);
    QueueItem item = must(SyncLockingQueue(unlucky, "/examples/locking-queue").take(kSoon));
    first = item.token();
    std::printf("taken: %s, and then the consumer ends\n", item.data().c_str());
  }
  Session consumer(argc, argv);
  SyncLockingQueue queue(consumer, "/examples/locking-queue");
  QueueItem item = must(queue.take(kSoon));
  std::printf("taken again: %s, with a greater token: %s\n", item.data().c_str(),
              item.token() > first ? "yes" : "no");
  must(queue.done(item));  // One of all who ever took it is told that it was the one.
  std::printf("anything left: %s\n", queue.take(200ms) ? "yes" : "no");
}
