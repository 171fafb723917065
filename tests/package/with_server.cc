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
  auto after = client.exists("/kept");
  // What is under way when the connection ends is answered so; what comes later knows more.
  if (after.code == Code::ConnectionLoss) after = client.exists("/kept");
  std::cout << "done: " << after.message << "\n";
  return 0;
}
