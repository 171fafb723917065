// Services tell where they are, clients find one that is there. An instance goes with its session.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_cache.h"

using namespace example;

namespace {

ServiceInstance instance(const char* id, std::uint16_t port) {
  ServiceInstance made;
  made.service = "search";
  made.id = id;
  made.address = "10.0.0.7";
  made.port = port;
  made.metadata["version"] = "2";
  return made;
}

}  // namespace

int main(int argc, char** argv) {
  Session first(argc, argv), second(argc, argv), user(argc, argv);
  SyncServiceRegistration one(first, "/examples/services", instance("a", 8001));
  SyncServiceRegistration two(second, "/examples/services", instance("b", 8002));
  must(one.announce(kSoon));
  must(two.announce(kSoon));

  SyncServiceProvider search(user, "/examples/services", "search", Selection::RoundRobin);
  must(search.wait(kSoon));
  for (int i = 0; i < 3; ++i) {
    const auto found = search.pick();
    if (!found) return 1;
    std::printf("%s at %s:%d, version %s\n", found->id.c_str(), found->address.c_str(), found->port,
                found->metadata.at("version").c_str());
  }
  search.note_failure("a", 60s);  // It did not answer: leave it out for a while.
  std::printf("without a: %s %s\n", search.pick()->id.c_str(), search.pick()->id.c_str());
}
