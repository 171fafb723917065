// A test with a server in its own process, from installed packages. No Boost header is found.
#include <quorate/sync_client.h>
#include <quorate/testing/server.h>

#include <iostream>

int main() {
  using namespace quorate::client;
  quorate::testing::Server server;
  SyncClient client(ConnectOptions(server.connect_string()));
  if (const auto connected = client.connect(); !connected) {
    std::cout << connected.message << "\n";
    return 3;
  }
  const auto made = client.create("/kept", "x");
  server.restart();
  const auto found = client.exists("/kept");
  if (!made || !found) {
    std::cout << made.message << found.message << "\n";
    return 1;
  }
  if (!server.expire_session(client.session_id())) return 1;
  std::cout << "done: " << client.exists("/kept").message << "\n";
  return 0;
}
