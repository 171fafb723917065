// A whole tree, followed by one watch: users and their rights, say. It needs ZooKeeper 3.6 or
// later.
#include "examples/recipes/program.h"
#include "quorate/recipes/sync_cache.h"

using namespace example;

int main(int argc, char** argv) {
  Session client(argc, argv), other(argc, argv);
  must(other.create("/examples-users", ""));
  must(other.create("/examples-users/ann", "admin"));

  News news;
  SyncTreeCache users(client, "/examples-users", [news](const TreeEvent& event) {
    if (event.type == TreeEvent::Type::Added) news.tell("added " + event.path);
    if (event.type == TreeEvent::Type::Removed) news.tell("removed " + event.path);
  });
  must(users.wait(kSoon));
  std::printf("ann: %s\n", users.value("/examples-users/ann").data.c_str());

  must(other.create("/examples-users/ben", "reader"));
  news.await("added /examples-users/ben");
  must(other.remove("/examples-users/ann"));
  news.await("removed /examples-users/ann");
  for (const std::string& name : users.children("/examples-users")) {
    std::printf("%s: %s\n", name.c_str(), users.value("/examples-users/" + name).data.c_str());
  }
  must(other.remove("/examples-users/ben"));
  must(other.remove("/examples-users"));
}
