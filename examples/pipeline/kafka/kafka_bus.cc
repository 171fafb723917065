#include "examples/pipeline/kafka/kafka_bus.h"

#include <fstream>
#include <mutex>
#include <string>
#include <utility>

#include "examples/pipeline/bus_checks.h"
#include "examples/pipeline/kafka/kafka_producer.h"
#include "examples/pipeline/kafka/kafka_reader.h"
#include "examples/pipeline/kafka/kafka_topics.h"

namespace pipeline {

class KafkaBus::State {
 public:
  State(KafkaBusOptions wanted, std::unique_ptr<KafkaTopics> opened)
      : options(std::move(wanted)), topics(std::move(opened)) {}

  /// Made by the first append, and again after one that broke.
  Result<std::shared_ptr<KafkaProducer>> producer() {
    const std::lock_guard lock(mutex_);
    if (producer_ && !producer_->broken()) return producer_;
    auto opened = KafkaProducer::open(options);
    if (!opened) return opened.error();
    producer_ = std::move(*opened);
    return producer_;
  }

  const KafkaBusOptions options;
  const std::shared_ptr<KafkaTopics> topics;  ///< Shared with readers.

 private:
  std::mutex mutex_;  ///< Keeps the pointer: several threads append.
  std::shared_ptr<KafkaProducer> producer_;
};

Result<> read_kafka_settings(const std::string& file, KafkaBusOptions& options) {
  std::ifstream in(file);
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    const std::size_t equals = line.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return Fault{FaultKind::BadArgument,
                   file + ", line " + std::to_string(number) + ": not NAME=VALUE"};
    }
    options.settings.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  // The end is no fault, but a file that was not there never got so far.
  if (!in.eof()) return Fault{FaultKind::Storage, file + " cannot be read"};
  return {};
}

Result<std::unique_ptr<KafkaBus>> KafkaBus::open(const KafkaBusOptions& options) {
  auto topics = KafkaTopics::open(options);
  if (!topics) return topics.error();
  return std::unique_ptr<KafkaBus>(
      new KafkaBus(std::make_unique<State>(options, std::move(*topics))));
}

KafkaBus::KafkaBus(std::unique_ptr<State> state) : state_(std::move(state)) {}
KafkaBus::~KafkaBus() = default;

Result<> KafkaBus::create_topic(const std::string& topic, const TopicOptions& options) {
  if (Result<> good = check_topic(topic, options); !good) return good;
  return state_->topics->create(topic, options);
}

Result<PartitionNumber> KafkaBus::partitions(const std::string& topic) {
  return state_->topics->partitions(topic);
}

Result<Offset> KafkaBus::append(const std::string& topic, PartitionNumber partition,
                                std::span<const Record> records) {
  if (Result<> good = check_records(records); !good) return good.error();
  if (Result<> there = state_->topics->check(topic, partition); !there) return there.error();
  const Result<std::shared_ptr<KafkaProducer>> producer = state_->producer();
  if (!producer) return producer.error();
  return (*producer)->append(topic, partition, records);
}

Result<> KafkaBus::append_parts(const std::string& topic, std::span<const Part> parts) {
  for (const Part& part : parts) {
    if (Result<> good = check_records(part.records); !good) return good;
    if (Result<> there = state_->topics->check(topic, part.partition); !there) return there;
  }
  const Result<std::shared_ptr<KafkaProducer>> producer = state_->producer();
  if (!producer) return producer.error();
  return (*producer)->append_parts(topic, parts);
}

Result<Marks> KafkaBus::marks(const std::string& topic, PartitionNumber partition) {
  return state_->topics->marks(topic, partition);
}

Result<> KafkaBus::trim(const std::string& topic, PartitionNumber partition, Offset before) {
  return state_->topics->trim(topic, partition, before);
}

Result<std::unique_ptr<Reader>> KafkaBus::open_reader(const std::string& topic, ReadLimits limits) {
  return KafkaReader::open(state_->options, state_->topics, topic, limits);
}

}  // namespace pipeline
