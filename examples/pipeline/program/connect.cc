#include "examples/pipeline/program/connect.h"

#include <cstdio>

namespace pipeline_program {

namespace qc = quorate::client;

namespace {

constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::seconds kSilent{3};

}  // namespace

void say(const std::string& line) {
  std::fprintf(stdout, "%s\n", line.c_str());
  std::fflush(stdout);
}

std::unique_ptr<qc::SyncClient> connect(const std::string& program, const std::string& hosts,
                                        std::chrono::milliseconds session_timeout) {
  qc::ConnectOptions options(hosts);
  options.session_timeout = session_timeout;
  std::chrono::seconds waited{0};
  // Whoever sits before it hears soon that something is missing.
  for (const std::chrono::seconds limit : {kSilent, kPatience - kSilent}) {
    options.connect_timeout = limit;
    auto client = std::make_unique<qc::SyncClient>(options);
    const auto connected = client->connect();
    if (connected) return client;
    waited += limit;
    const bool again = waited < kPatience && connected.code != qc::Code::BadArguments;
    std::fprintf(stderr, "%s: %s%s\n", program.c_str(), connected.message.c_str(),
                 again ? "; still trying" : "");
    for (const auto& [server, reason] : connected.value.failures) {
      std::fprintf(stderr, "  tried %s: %s\n", server.c_str(), reason.c_str());
    }
    std::fprintf(stderr, "Start one with scripts/quickstart, or name others with --connect.\n");
    if (!again) break;
  }
  return nullptr;
}

}  // namespace pipeline_program
