// Stands as a candidate for as long as it exists: ask leads() before each step that only the leader
// may do. After a suspension it stands again by itself.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_group.h"

using namespace example;

int main(int argc, char** argv) {
  Session here(argc, argv), there(argc, argv);
  News news;
  SyncLeaderLatch ours(here, "/examples/latch", "here", [news](bool leads, std::int64_t) {
    news.tell(leads ? "leads" : "leads no more");
  });
  SyncLeaderLatch theirs(there, "/examples/latch", "there");

  ours.start();
  const std::int64_t term =
      must(ours.wait(kSoon));  // A fencing token: give it to what you write to.
  news.await("leads");
  theirs.start();
  std::printf("here leads: %s, there: %s\n", ours.leads() ? "yes" : "no",
              theirs.leads() ? "yes" : "no");

  ours.stop();
  const std::int64_t next = must(theirs.wait(kSoon));
  news.await("leads no more");
  std::printf("here leads: %s, there: %s, with a greater term: %s\n", ours.leads() ? "yes" : "no",
              theirs.leads() ? "yes" : "no", next > term ? "yes" : "no");
}
