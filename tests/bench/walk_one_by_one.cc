// A yardstick for the shell's walks: the plain loop over a subtree, getChildren and getData of each
// node, one request at a time.
//
//   walk-one-by-one HOST:PORT PATH
//
// One line: nodes, bytes, seconds.
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "quorate/sync_client.h"

int main(int argc, char** argv) {
  using namespace quorate::client;
  if (argc != 3) {
    std::fprintf(stderr, "usage: walk-one-by-one HOST:PORT PATH\n");
    return 2;
  }
  ConnectOptions options(argv[1]);
  options.connect_timeout = std::chrono::seconds(10);
  SyncClient client(options);
  if (const auto connected = client.connect(); !connected) {
    std::fprintf(stderr, "walk-one-by-one: %s\n", connected.message.c_str());
    return 1;
  }
  const auto begin = std::chrono::steady_clock::now();
  std::size_t nodes = 0;
  std::size_t bytes = 0;
  std::vector<std::string> ahead{argv[2]};
  while (!ahead.empty()) {
    const std::string path = std::move(ahead.back());
    ahead.pop_back();
    const auto children = client.get_children(path);
    const auto data = client.get_data(path);
    if (!children || !data) {
      std::fprintf(stderr, "walk-one-by-one: %s%s\n", children.message.c_str(),
                   data.message.c_str());
      return 1;
    }
    ++nodes;
    bytes += data.value.data ? data.value.data->size() : 0;
    const std::string prefix = path == "/" ? "/" : path + "/";
    for (const std::string& name : children.value.children) ahead.push_back(prefix + name);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%zu nodes, %zu bytes, %.3f s\n", nodes, bytes, took.count());
  client.close();
  return 0;
}
