// Work that one process at a time may do, on any number of machines.
#include <cstdio>

#include "quorate/recipes/sync_lock.h"

int main(int argc, char** argv) {
  using namespace quorate::client;
  SyncClient client(ConnectOptions(argc > 1 ? argv[1] : "127.0.0.1:2181"));
  if (auto connected = client.connect(); !connected) return std::puts(connected.message.c_str()), 3;

  SyncLock lock(client, "/locks/nightly");
  auto held = lock.acquire(std::chrono::seconds(30));  // in line with others, kazoo's among them
  if (!held) return std::puts(held.message.c_str()), 1;
  // valid() turns false the moment the session may be lost; the token tells the resource who is
  // late.
  for (int step = 1; step <= 3 && held.value.valid(); ++step) {
    std::printf("step %d, fencing token %lld\n", step, static_cast<long long>(held.value.token()));
  }
  held.value.release();
  client.close();
}
