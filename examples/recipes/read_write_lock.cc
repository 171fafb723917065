// Many may read at once, one may write, and nobody is overtaken: a writer that waits keeps later
// readers waiting, so it gets its turn.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_lock.h"

using namespace example;

int main(int argc, char** argv) {
  Session here(argc, argv), there(argc, argv);
  SyncReadWriteLock ours(here, "/examples/read-write-lock", "here");
  SyncReadWriteLock theirs(there, "/examples/read-write-lock", "there");

  Hold one = must(ours.read(kSoon));
  Hold two = must(theirs.read(kSoon));
  std::printf("two readers at once: %s\n", one.valid() && two.valid() ? "yes" : "no");

  const auto refused = ours.write(200ms);
  std::printf("a writer beside them: %s\n", refused ? "yes" : "no, it has to wait");

  one.release();
  two.release();
  Hold alone = must(ours.write(kSoon));
  std::printf("a writer after them: %s\n", alone.token() > two.token() ? "yes" : "no");
}
