// At most two may use the thing at a time, whoever they are. All name the same number.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_lock.h"

using namespace example;

int main(int argc, char** argv) {
  Session client(argc, argv);
  SyncSemaphore licences(client, "/examples/semaphore", 2, "build-machine");

  Hold first = must(licences.acquire(kSoon));
  Hold second = must(licences.acquire(kSoon));
  std::printf("two leases: %s\n", first.valid() && second.valid() ? "yes" : "no");

  const auto third = licences.acquire(200ms);
  std::printf("a third one: %s\n", third ? "yes" : "no");

  first.release();
  Hold later = must(licences.acquire(kSoon));
  std::printf("after a release: %s\n", later.valid() ? "yes" : "no");
}
