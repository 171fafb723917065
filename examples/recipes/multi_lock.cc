// Two resources at once, or none. Everybody takes them in the order of their paths, so nobody waits
// in a circle.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_lock.h"

using namespace example;

int main(int argc, char** argv) {
  Session client(argc, argv), other(argc, argv);
  SyncMultiLock both(client, {"/examples/account-b", "/examples/account-a"}, "transfer");
  SyncLock one(other, "/examples/account-b", "payment");

  MultiHold held = must(both.acquire(kSoon));
  std::printf("holds %zu locks, each with a token of its own\n", held.tokens().size());
  std::printf("another gets one of them: %s\n", one.acquire(200ms) ? "yes" : "no");

  held.release();
  Hold theirs = must(one.acquire(kSoon));
  std::printf("afterwards: %s\n", theirs.valid() ? "yes" : "no");
  const auto refused = both.acquire(200ms);
  std::printf("both while one is taken: %s\n", refused ? "yes" : "no, and it keeps none");
}
