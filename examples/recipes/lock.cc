// Three workers, each with a session of its own as if on three machines, take turns: what one has
// read nobody changes before it has written.
#include <thread>
#include <vector>

#include "examples/recipes/program.h"
#include "quorate/recipes/sync_lock.h"

using namespace example;

int main(int argc, char** argv) {
  Session client(argc, argv);
  must(client.create("/examples-balance", "0"));

  const auto work = [&](std::string name) {
    Session mine(argc, argv);
    SyncLock lock(mine, "/examples/lock", name);
    for (int done = 0; done < 5;) {
      Hold held =
          must(lock.acquire(kSoon));  // In line with others; kazoo's Lock stands there, too.
      const auto node = must(mine.get_data("/examples-balance"));
      const int balance = std::stoi(*node.data);
      // valid() turns false the moment the session may be lost: then this must not be written. The
      // version fences: had another one written meanwhile, it would be refused.
      if (!held.valid()) continue;
      must(mine.set_data("/examples-balance", std::to_string(balance + 1), node.stat.version));
      ++done;
    }  // Released here; the next in line goes on.
  };
  std::vector<std::thread> workers;
  for (const char* name : {"ann", "ben", "cleo"}) workers.emplace_back(work, name);
  for (std::thread& worker : workers) worker.join();

  std::printf("balance %s after 3 times 5\n",
              must(client.get_data("/examples-balance")).data->c_str());
  must(client.remove("/examples-balance"));
}
