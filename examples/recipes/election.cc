// One term of office: who leads, for how long, and under which number.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_lock.h"

using namespace example;

int main(int argc, char** argv) {
  Session here(argc, argv), there(argc, argv);
  SyncElection ours(here, "/examples/election", "here");
  SyncElection theirs(there, "/examples/election", "there");

  Hold term = must(ours.lead(kSoon));
  std::printf("leader: %s\n", must(theirs.leader()).c_str());
  std::printf("the other meanwhile: %s\n", theirs.lead(200ms) ? "leads, too" : "waits");

  const std::int64_t before = term.token();
  term.release();
  Hold next = must(theirs.lead(kSoon));
  std::printf("next leader: %s, with a greater token: %s\n", must(ours.leader()).c_str(),
              next.token() > before ? "yes" : "no");
}
