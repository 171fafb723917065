// Reads partitions of one Kafka topic from given offsets, without a consumer group.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "examples/pipeline/bus.h"
#include "examples/pipeline/bus_socket.h"
#include "examples/pipeline/kafka/kafka_client.h"
#include "examples/pipeline/kafka/kafka_topics.h"

namespace pipeline {

/// librdkafka fetches into one queue for all partitions and rings a bell when that is not empty any
/// more; poll() waits for the bell, which wake() rings, too.
class KafkaReader : public Reader {
 public:
  /// The topic must be there.
  static Result<std::unique_ptr<Reader>> open(const KafkaBusOptions& options,
                                              std::shared_ptr<KafkaTopics> topics,
                                              const std::string& topic, ReadLimits limits);
  ~KafkaReader() override;

  void assign(std::vector<Position> positions) override;
  const std::vector<Position>& positions() const override { return positions_; }
  Result<std::vector<Batch>> poll(std::chrono::milliseconds limit) override;
  void wake() override;

 private:
  using Picked = std::map<PartitionNumber, std::vector<KafkaMessage>>;

  KafkaReader(std::shared_ptr<KafkaTopics> topics, std::string topic, ReadLimits limits)
      : topics_(std::move(topics)), topic_(std::move(topic)), limits_(limits) {}

  Result<> start_and_stop();
  void stop(PartitionNumber partition);
  Result<> start(const Position& position);
  bool refill();
  Result<std::vector<Batch>> take();
  Result<> tell(const rd_kafka_message_t& message);
  Batch batch_of(PartitionNumber partition, const std::vector<KafkaMessage>& messages) const;

  const std::shared_ptr<KafkaTopics> topics_;
  const std::string topic_;
  const ReadLimits limits_;
  WakeFd bell_;
  std::atomic<bool> woken_ = false;
  std::unique_ptr<KafkaClient> client_;
  KafkaTopic handle_;
  KafkaQueue queue_;
  std::vector<Position> positions_;
  /// Partitions that are fetched, and the offset that comes next from them.
  std::map<PartitionNumber, Offset> running_;
  bool changed_ = false;           ///< `running_` may not be what `positions_` asks for.
  std::deque<KafkaMessage> held_;  ///< Taken from the queue, for the next poll().
};

}  // namespace pipeline
