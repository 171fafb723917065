// Connect, create, watch, change, close: the first thirty lines with Quorate.
#include <cstdio>
#include <future>

#include "quorate/sync_client.h"

int main(int argc, char** argv) {
  quorate::client::ConnectOptions options(argc > 1 ? argv[1] : "127.0.0.1:2181");
  options.connect_timeout = std::chrono::seconds(5);
  quorate::client::SyncClient client(options);

  if (auto connected = client.connect(); !connected) {
    std::fprintf(stderr, "hello: %s\n", connected.message.c_str());
    for (const auto& [server, reason] : connected.value.failures) {
      std::fprintf(stderr, "  tried %s: %s\n", server.c_str(), reason.c_str());
    }
    std::fprintf(stderr, "Start a server with: scripts/quickstart\n");
    return 3;
  }

  // Ephemeral: it goes with this session, whatever happens to the program.
  auto created = client.create("/hello-", "good morning", quorate::CreateMode::EphemeralSequential);
  if (!created) return std::fprintf(stderr, "%s\n", created.message.c_str()), 1;
  std::promise<std::string> changed;
  auto node = client.get_data(created.value.path, [&](const quorate::client::WatchEvent& event) {
    changed.set_value(quorate::name_of(event.type));
  });
  std::printf("%s holds \"%s\"\n", created.value.path.c_str(), node.value.data->c_str());
  client.set_data(created.value.path, "good evening", node.value.stat.version);
  std::printf("the watch says: %s\n", changed.get_future().get().c_str());
  client.close();
}
