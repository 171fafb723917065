// All wait while the barrier is up: a migration runs, nobody may write.
#include <thread>

#include "examples/recipes/program.h"
#include "quorate/recipes/sync_barrier.h"

using namespace example;

int main(int argc, char** argv) {
  Session admin(argc, argv), worker(argc, argv);
  SyncBarrier gate(admin, "/examples/barrier");
  must(gate.raise());

  SyncBarrier seen(worker, "/examples/barrier");
  std::printf("passes while it is up: %s\n", seen.wait(200ms) ? "yes" : "no");
  std::thread waiting([&] {
    must(seen.wait(kSoon));
    std::printf("passes when it is down\n");
  });
  must(gate.lower());
  waiting.join();
}
