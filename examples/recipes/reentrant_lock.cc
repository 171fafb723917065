// A function that needs the lock may call another that needs it, too: within one thread the lock is
// had again at once, and given up with the last share.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_lock.h"

using namespace example;

namespace {

void add_entry(SyncReentrantLock& lock, const char* entry) {
  const SharedHold share = must(lock.acquire(kSoon));
  std::printf("%s, share number %ld, token the same: %s\n", entry, share.depth(),
              share.valid() ? "yes" : "no");
}

void add_transfer(SyncReentrantLock& lock) {
  const SharedHold share = must(lock.acquire(kSoon));  // Both entries, or none of others between.
  add_entry(lock, "debit");
  add_entry(lock, "credit");
}

}  // namespace

int main(int argc, char** argv) {
  Session client(argc, argv);
  SyncReentrantLock lock(client, "/examples/reentrant-lock", "ledger");
  add_transfer(lock);

  Session other(argc, argv);
  SyncReentrantLock theirs(other, "/examples/reentrant-lock", "auditor");
  const SharedHold share = must(theirs.acquire(kSoon));
  std::printf("given up with the last share\n");
}
