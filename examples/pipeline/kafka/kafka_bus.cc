#include "examples/pipeline/kafka/kafka_bus.h"

#include <mutex>
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
    auto opened = KafkaProducer::open(options.servers, options.patience);
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

Result<std::unique_ptr<KafkaBus>> KafkaBus::open(const KafkaBusOptions& options) {
  auto topics = KafkaTopics::open(options.servers, options.patience);
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
  return KafkaReader::open(state_->options.servers, state_->topics, topic, limits);
}

}  // namespace pipeline
