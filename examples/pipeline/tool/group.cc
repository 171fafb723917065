#include "examples/pipeline/tool/group.h"

#include <cstdio>

namespace pipeline_tool {

using namespace pipeline;

void say(const std::string& line) {
  std::fprintf(stdout, "%s\n", line.c_str());
  std::fflush(stdout);
}

std::unique_ptr<qc::SyncClient> connect(const std::string& hosts,
                                        std::chrono::milliseconds session_timeout) {
  qc::ConnectOptions options(hosts);
  options.session_timeout = session_timeout;
  options.connect_timeout = std::chrono::seconds(30);
  auto client = std::make_unique<qc::SyncClient>(options);
  const auto connected = client->connect();
  if (connected) return client;
  std::fprintf(stderr, "pipeline-tool: %s\n", connected.message.c_str());
  return nullptr;
}

GroupPlace place_of(Arguments& arguments) {
  GroupPlace place;
  place.group = arguments.text("--group");
  place.topic = arguments.text("--topic", "hits");
  place.folder = arguments.text("--folder", ".");
  return place;
}

SummaryOptions summary_options(Arguments& arguments) {
  SummaryOptions options;
  options.session_gap_ms = static_cast<std::int64_t>(arguments.number("--gap-ms", 30 * 60 * 1000));
  return options;
}

}  // namespace pipeline_tool
