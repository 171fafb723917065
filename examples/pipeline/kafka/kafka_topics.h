// Questions and orders about Kafka's topics: how many partitions, marks, creation, trimming.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "examples/pipeline/bus.h"
#include "examples/pipeline/kafka/kafka_client.h"

namespace pipeline {

/// Any thread; calls block. Brokers that die or elect are asked again until patience is over: Kafka
/// tells nobody when it is ready, so these calls, and no others, ask at intervals.
class KafkaTopics {
 public:
  static Result<std::unique_ptr<KafkaTopics>> open(const KafkaBusOptions& options);

  Result<> create(const std::string& topic, const TopicOptions& options);
  Result<PartitionNumber> partitions(const std::string& topic);  ///< Asked once per topic.
  /// Whether the topic is there, and has the partition.
  Result<> check(const std::string& topic, PartitionNumber partition);
  Result<Marks> marks(const std::string& topic, PartitionNumber partition);
  Result<> trim(const std::string& topic, PartitionNumber partition, Offset before);
  void forget(const std::string& topic);  ///< Asks anew: somebody was told that it is not there.

 private:
  using Config = std::map<std::string, std::string>;
  struct Configs {
    Config now;  ///< As it is in force.
    Config own;  ///< What of that was set for the topic itself.
  };

  KafkaTopics(std::unique_ptr<KafkaClient> client, std::chrono::milliseconds patience)
      : client_(std::move(client)), patience_(patience) {}

  Result<PartitionNumber> look_up(const std::string& topic, bool wants_leaders);
  Result<PartitionNumber> look_up_once(const std::string& topic, bool wants_leaders,
                                       std::chrono::milliseconds limit) const;
  Result<> create_once(const std::string& topic, const TopicOptions& options, bool& existed) const;
  Result<Configs> describe(const std::string& topic) const;
  Result<> alter(const std::string& topic, const Config& config) const;
  Result<> renew_retention(const std::string& topic, const TopicOptions& options) const;
  Result<> trim_once(const std::string& topic, PartitionNumber partition, Offset before) const;
  template <class Start>
  Result<KafkaEvent> ask(rd_kafka_admin_op_t operation, const std::string& what, Start start) const;
  template <class Ask>
  auto patiently(Ask ask) const -> decltype(ask());

  const std::unique_ptr<KafkaClient> client_;
  const std::chrono::milliseconds patience_;
  std::mutex mutex_;  ///< Keeps what is known; appends of several threads ask for it.
  std::map<std::string, PartitionNumber> known_;
};

}  // namespace pipeline
