// Runs a task while leading, on a thread of its own. When it returns, the next in line leads. Of
// different priorities the greatest leads first.
#include <atomic>

#include "examples/recipes/program.h"
#include "quorate/recipes/sync_group.h"

using namespace example;

int main(int argc, char** argv) {
  Session here(argc, argv), there(argc, argv);
  News news;
  auto leaders = std::make_shared<std::atomic<int>>(0);
  const auto task_of = [&](std::string name) {
    return [news, leaders, name](const Leadership& leadership) {
      const bool alone = leaders->fetch_add(1) == 0;
      // A real task works on here, step by step, while leadership.valid(); and ends when it suits
      // if leadership.outranked().
      const bool good = alone && leadership.valid() && leadership.term() > 0;
      leaders->fetch_sub(1);
      news.tell(name + (good ? " has led alone" : " has led wrongly"));
    };
  };
  SyncLeaderSelector ours(here, "/examples/selector", "here", task_of("here"), /*priority=*/0,
                          /*requeue=*/false);
  SyncLeaderSelector theirs(there, "/examples/selector", "there", task_of("there"), /*priority=*/0,
                            /*requeue=*/false);
  ours.start();
  theirs.start();
  news.await("here has led alone");
  news.await("there has led alone");
  std::printf("each has led once, alone\n");
  ours.stop();
  theirs.stop();
}
