// One text that all processes follow. Each may refuse a version it cannot use, and keeps the last
// good one.
#include <thread>

#include "examples/recipes/program.h"
#include "quorate/recipes/sync_cache.h"

using namespace example;

int main(int argc, char** argv) {
  Session service(argc, argv), admin(argc, argv);
  News news;
  SyncPushedConfig config(service, "/examples/config", [news](const ConfigSnapshot& seen) {
    const bool good = seen.text.starts_with("threads=");
    news.tell((good ? "accepted " : "refused ") + seen.text);
    return good;
  });
  SyncPushedConfig pusher(admin, "/examples/config", {});
  const std::int32_t first = must(pusher.publish("threads=4", -1));  // -1: it must be new.
  news.await("accepted threads=4");
  const std::int32_t second = must(pusher.publish("thraeds=8", first));
  news.await("refused thraeds=8");
  std::printf("in force: %s\n", config.current().text.c_str());

  std::printf("on old knowledge: %s\n", pusher.publish("threads=1", first) ? "yes" : "no");
  const std::int32_t third = must(pusher.publish("threads=8", second));
  news.await("accepted threads=8");
  while (config.current().version < third) std::this_thread::yield();  // It is being accepted.
  std::printf("in force: %s\n", config.current().text.c_str());
  must(admin.remove("/examples/config"));
}
