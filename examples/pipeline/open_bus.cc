#include "examples/pipeline/open_bus.h"

#include <cstdlib>

#include "examples/pipeline/bus_protocol.h"
#include "examples/pipeline/embedded_bus.h"
#include "examples/pipeline/remote_bus.h"
#ifdef QUORATE_WITH_KAFKA
#include "examples/pipeline/kafka/kafka_bus.h"
#endif

namespace pipeline {

namespace {

/// What stands behind `prefix`, or nothing.
bool behind(const std::string& text, const std::string& prefix, std::string& rest) {
  if (!text.starts_with(prefix) || text.size() == prefix.size()) return false;
  rest = text.substr(prefix.size());
  return true;
}

Result<std::unique_ptr<Bus>> open_remote(const std::string& address) {
  const Result<BusAddress> good = parse_bus_address(address);
  if (!good) return good.error();
  RemoteBusOptions options;
  options.address = address;
  return std::unique_ptr<Bus>(std::make_unique<RemoteBus>(options));
}

Result<std::unique_ptr<Bus>> open_embedded(const std::string& folder) {
  EmbeddedBusOptions options;
  options.folder = folder;
  Result<std::unique_ptr<EmbeddedBus>> opened = EmbeddedBus::open(options);
  if (!opened) return opened.error();
  return std::unique_ptr<Bus>(std::move(*opened));
}

#ifdef QUORATE_WITH_KAFKA
Result<std::unique_ptr<Bus>> open_kafka(const std::string& servers) {
  KafkaBusOptions options;
  options.servers = servers;
  if (const char* file = std::getenv("QUORATE_KAFKA_SETTINGS")) {
    if (Result<> read = read_kafka_settings(file, options); !read) return read.error();
  }
  Result<std::unique_ptr<KafkaBus>> opened = KafkaBus::open(options);
  if (!opened) return opened.error();
  return std::unique_ptr<Bus>(std::move(*opened));
}
#else
Result<std::unique_ptr<Bus>> open_kafka(const std::string& servers) {
  return Fault{
      FaultKind::BadArgument,
      "kafka:" + servers + ": built without Kafka; install librdkafka-dev and build again"};
}
#endif

}  // namespace

Result<std::unique_ptr<Bus>> open_bus(const std::string& text) {
  std::string rest;
  if (behind(text, "unix:", rest) || behind(text, "tcp:", rest)) return open_remote(text);
  if (behind(text, "embedded:", rest)) return open_embedded(rest);
  if (behind(text, "kafka:", rest)) return open_kafka(rest);
  return Fault{FaultKind::BadArgument, "no bus '" + text + "': " + kBusForms};
}

}  // namespace pipeline
