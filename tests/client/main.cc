// test_client_live --servers=HOST:PORT --kind=quorate|zookeeper [--NAME=VALUE...] [doctest options]
#define DOCTEST_CONFIG_IMPLEMENT
#include <iostream>
#include <map>

#include "tests/client/live.h"

namespace quorate::client::live {

namespace {

std::map<std::string, std::string>& settings() {
  static std::map<std::string, std::string> all;
  return all;
}

}  // namespace

const std::string& servers() {
  return settings()["servers"];
}
const std::string& kind() {
  return settings()["kind"];
}
std::string setting(const std::string& name) {
  const auto found = settings().find(name);
  return found == settings().end() ? "" : found->second;
}

}  // namespace quorate::client::live

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::size_t equals = word.find('=');
    if (!word.starts_with("--") || equals == std::string::npos) continue;
    quorate::client::live::settings()[word.substr(2, equals - 2)] = word.substr(equals + 1);
  }
  if (quorate::client::live::servers().empty()) {
    std::cerr << "usage: test_client_live --servers=HOST:PORT --kind=quorate|zookeeper\n";
    return 2;
  }
  doctest::Context context(argc, argv);
  return context.run();
}
