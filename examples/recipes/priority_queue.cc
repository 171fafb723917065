// Smaller numbers first (0 to 999), equal ones in the order of their arrival.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_queue.h"

using namespace example;

int main(int argc, char** argv) {
  Session client(argc, argv);
  SyncQueue jobs(client, "/examples/priority-queue");
  must(jobs.put("report"));  // 100, as kazoo has it.
  must(jobs.put("cleaning", 900));
  must(jobs.put("alarm", 1));
  must(jobs.put("mail"));
  for (int i = 0; i < 4; ++i) std::printf("%s\n", must(jobs.take(kSoon)).c_str());
}
