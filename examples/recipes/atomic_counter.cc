// Adds exactly once, whatever reply is lost and however many add at a time.
#include <thread>
#include <vector>

#include "examples/recipes/program.h"
#include "quorate/recipes/sync_queue.h"

using namespace example;

int main(int argc, char** argv) {
  Session client(argc, argv);
  SyncCounter counter(client, "/examples/counter");
  const std::int64_t before = must(counter.get()).value;

  std::vector<std::thread> adders;
  for (int i = 0; i < 4; ++i) {
    adders.emplace_back([&] {
      Session mine(argc, argv);
      SyncCounter same(mine, "/examples/counter");
      for (int n = 0; n < 10; ++n) must(same.add(1, kSoon));
    });
  }
  for (std::thread& adder : adders) adder.join();

  const CounterValue now = must(counter.get());
  std::printf("40 were added: %s\n", now.value == before + 40 ? "yes" : "no");
  must(counter.add(1));
  const auto late = counter.try_set(now, 0);  // Only if nobody has changed it since.
  std::printf("set to 0 on old knowledge: %s\n", late ? "yes" : "no");
}
