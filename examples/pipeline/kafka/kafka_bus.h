// The bus in Apache Kafka, through librdkafka: for events that outgrow one machine.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "examples/pipeline/bus.h"

namespace pipeline {

struct KafkaBusOptions {
  std::string servers;  ///< "host:port,host:port": some brokers; they name the others.
  /// How long a call goes on trying while brokers die, come back and elect, before it answers
  /// Connection.
  std::chrono::milliseconds patience{30'000};
  /// Settings by librdkafka's names, for clusters that ask for TLS or who one is. What this class
  /// sets itself (see the .cc files) stays.
  std::vector<std::pair<std::string, std::string>> settings;
};

/// `options.settings` from a file of NAME=VALUE lines; '#' begins a comment line. Faults: Storage,
/// BadArgument.
Result<> read_kafka_settings(const std::string& file, KafkaBusOptions& options);

/// A topic is a Kafka topic, a record a Kafka record, an offset Kafka's offset. Offsets have no
/// gaps as long as only this class writes: its producer is idempotent and knows no transactions, so
/// there are no control records, and topics are never compacted. In topics that others write with
/// transactions, offsets still grow, with gaps.
///
/// - Replicas and what an append waits for are the cluster's choice (default.replication.factor,
///   min.insync.replicas); an append waits for all replicas that are in sync (acks=all), and what
///   librdkafka repeats is stored once.
/// - An append goes out as one Kafka batch, which a broker stores whole or not at all; larger than
///   16 MiB with Kafka's overhead, or when its thread is held up in the middle, as several: then a
///   fault may leave the first of them. Other processes' records may lie between them.
/// - Retention takes whole segments of files (32 MiB and more), when the broker next looks (every
///   five minutes, unless told otherwise).
/// - create_topic() can renew the retention of a topic only where it may alter its configuration.
/// - A reader fetches in the background, up to 200,000 records or 64 MiB ahead; poll(0) returns
///   what has come by then. While no broker answers it waits, as it does when there are no records;
///   it finds brokers again by itself. Kafka's own consumer groups are not used.
class KafkaBus : public Bus {
 public:
  /// Nobody is asked yet. Faults: BadArgument.
  static Result<std::unique_ptr<KafkaBus>> open(const KafkaBusOptions& options);
  ~KafkaBus() override;  ///< Appends must have returned; readers may live on.

  Result<> create_topic(const std::string& topic, const TopicOptions& options) override;
  Result<PartitionNumber> partitions(const std::string& topic) override;
  Result<Offset> append(const std::string& topic, PartitionNumber partition,
                        std::span<const Record> records) override;
  Result<> append_parts(const std::string& topic, std::span<const Part> parts) override;
  Result<Marks> marks(const std::string& topic, PartitionNumber partition) override;
  Result<> trim(const std::string& topic, PartitionNumber partition, Offset before) override;
  Result<std::unique_ptr<Reader>> open_reader(const std::string& topic,
                                              ReadLimits limits = {}) override;

  class State;

 private:
  explicit KafkaBus(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace pipeline
