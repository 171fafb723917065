// The one way from a text on a command line to a bus.
#pragma once

#include <memory>
#include <string>

#include "examples/pipeline/bus.h"

namespace pipeline {

/// What open_bus() understands, for usage texts.
inline constexpr const char* kBusForms =
    "unix:PATH or tcp:HOST:PORT of a broker, embedded:FOLDER, or kafka:HOST:PORT,HOST:PORT,...";

/// - "unix:PATH", "tcp:HOST:PORT": the embedded bus that a running broker keeps (RemoteBus);
/// - "embedded:FOLDER": an embedded bus opened in this process (EmbeddedBus);
/// - "kafka:HOST:PORT,HOST:PORT,...": Apache Kafka, some of its brokers (KafkaBus), with what the
///   file named by QUORATE_KAFKA_SETTINGS sets besides (read_kafka_settings()).
///
/// Faults: BadArgument (another text; Kafka in a build without librdkafka), else the bus's own.
/// A broker is first asked by the first call, so that a program may start before it.
Result<std::unique_ptr<Bus>> open_bus(const std::string& text);

}  // namespace pipeline
