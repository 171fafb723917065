// No Boost header is found on this program's include path. Usage: blocking CONNECT_STRING
#include <quorate/recipes/sync_lock.h>
#include <quorate/sync_client.h>

#include <chrono>
#include <iostream>

int main(int argc, char** argv) {
  using namespace quorate::client;
  if (argc != 2) return 2;
  ConnectOptions options(argv[1]);
  options.connect_timeout = std::chrono::seconds(5);
  SyncClient client(options);
  const auto connected = client.connect();
  if (!connected) {
    std::cout << connected.message << "\n";
    for (const auto& [server, reason] : connected.value.failures) {
      std::cout << server << ": " << reason << "\n";
    }
    return 3;
  }
  SyncLock lock(client, "/package-lock");
  const auto held = lock.acquire(std::chrono::seconds(5));
  const auto made = client.create("/package-", "x", CreateMode::EphemeralSequential);
  std::cout << (held && held.value.valid() && made ? "done" : made.message) << "\n";
  client.close();
  return 0;
}
