// Appends to Kafka: records go to librdkafka's queues, and the caller waits for their delivery.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>

#include "examples/pipeline/bus.h"
#include "examples/pipeline/kafka/kafka_client.h"

namespace pipeline {

/// An idempotent producer. Any thread; an append blocks its caller only.
class KafkaProducer {
 public:
  static Result<std::unique_ptr<KafkaProducer>> open(const KafkaBusOptions& options);
  ~KafkaProducer();  ///< No append may be running.

  /// The topic and partition must be there: producers make what is not. Faults as Bus::append().
  Result<Offset> append(const std::string& topic, PartitionNumber partition,
                        std::span<const Record> records);
  Result<> append_parts(const std::string& topic, std::span<const Part> parts);

  /// librdkafka has given up its promise of no duplicates and sends nothing more: make another.
  bool broken() const { return broken_; }

 private:
  /// An append that waits. It lies on its caller's stack.
  struct Waiting {
    KafkaProducer* producer = nullptr;
    std::size_t left = 0;  ///< Records whose fate is not known yet.
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::int64_t first = -1;  ///< Offset of the first record.
  };

  KafkaProducer() = default;
  static void on_delivered(rd_kafka_t* handle, const rd_kafka_message_t* message, void* opaque);
  void serve();
  void enqueue(const std::string& topic, PartitionNumber partition, std::span<const Record> records,
               Waiting& waiting);
  Result<Offset> wait(const std::string& topic, PartitionNumber partition, Waiting& waiting);

  std::unique_ptr<KafkaClient> client_;
  KafkaQueue events_;
  std::atomic<bool> broken_ = false;
  std::atomic<bool> stopping_ = false;
  /// One append's records get into the queues together; they make one batch then.
  std::mutex enqueuing_;
  std::map<std::string, KafkaTopic> topics_;  ///< Under enqueuing_.
  std::mutex mutex_;                          ///< Keeps all Waiting: deliveries against callers.
  std::condition_variable delivered_;
  std::thread thread_;  ///< Serves deliveries.
};

}  // namespace pipeline
