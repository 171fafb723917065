// A round of three: nobody begins before all are in, nobody goes before all are done.
#include <atomic>
#include <thread>
#include <vector>

#include "examples/recipes/program.h"
#include "quorate/recipes/sync_barrier.h"

using namespace example;

int main(int argc, char** argv) {
  constexpr int kAll = 3;
  std::atomic<int> came{0}, done{0};
  std::atomic<bool> right{true};
  const auto take_part = [&](int number) {
    Session client(argc, argv);
    SyncDoubleBarrier round(client, "/examples/double-barrier", kAll, std::to_string(number));
    ++came;
    must(round.enter(kSoon));
    if (came != kAll) right = false;  // Began too early.
    ++done;                           // The work.
    must(round.leave(kSoon));
    if (done != kAll) right = false;  // Went too early.
  };
  std::vector<std::thread> participants;
  for (int i = 0; i < kAll; ++i) participants.emplace_back(take_part, i);
  for (std::thread& one : participants) one.join();
  std::printf("all began and ended together: %s\n", right ? "yes" : "no");
}
