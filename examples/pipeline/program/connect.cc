#include "examples/pipeline/program/connect.h"

#include <cstdio>

namespace pipeline_program {

namespace qc = quorate::client;

void say(const std::string& line) {
  std::fprintf(stdout, "%s\n", line.c_str());
  std::fflush(stdout);
}

std::unique_ptr<qc::SyncClient> connect(const std::string& program, const std::string& hosts,
                                        std::chrono::milliseconds session_timeout) {
  qc::ConnectOptions options(hosts);
  options.session_timeout = session_timeout;
  options.connect_timeout = std::chrono::seconds(30);
  auto client = std::make_unique<qc::SyncClient>(options);
  const auto connected = client->connect();
  if (connected) return client;
  std::fprintf(stderr, "%s: %s\n", program.c_str(), connected.message.c_str());
  return nullptr;
}

}  // namespace pipeline_program
