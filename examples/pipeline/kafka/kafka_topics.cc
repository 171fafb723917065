#include "examples/pipeline/kafka/kafka_topics.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "examples/pipeline/bus_checks.h"

namespace pipeline {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPause{50};
/// A broker that has just started, or has not heard of a new topic, says that there is none. So it
/// is asked for so long before that is believed.
constexpr milliseconds kDoubt{2'000};
constexpr int kAnswerMs = 10'000;  ///< Of one question.

std::string partition_text(const std::string& topic, PartitionNumber partition) {
  return "topic " + topic + ", partition " + std::to_string(partition);
}

using Config = std::map<std::string, std::string>;

/// What a topic is made with, and what create_topic() of a topic that is there renews.
Config retention_config(const TopicOptions& options) {
  const std::uint64_t bytes = options.retention_bytes;
  const std::int64_t age_ms = options.retention_age.count();
  Config config{{"retention.bytes", bytes == 0 ? "-1" : std::to_string(bytes)},
                {"retention.ms", age_ms == 0 ? "-1" : std::to_string(age_ms)}};
  // Kafka takes whole segments away, and never the one that is written: an eighth of what is kept
  // is a grain that can be borne. A segment holds the largest batch.
  if (bytes > 0) {
    const std::uint64_t grain = std::clamp<std::uint64_t>(bytes / 8, 32u << 20, 1u << 30);
    config["segment.bytes"] = std::to_string(grain);
  }
  if (age_ms > 0) {
    const std::int64_t grain = std::clamp<std::int64_t>(age_ms / 8, 60'000, 604'800'000);
    config["segment.ms"] = std::to_string(grain);
  }
  return config;
}

Config creation_config(const TopicOptions& options) {
  Config config = retention_config(options);
  config["cleanup.policy"] = "delete";
  config["message.timestamp.type"] = "LogAppendTime";
  config["max.message.bytes"] = std::to_string(kKafkaBatchBytesMax + (1 << 20));
  return config;
}

using ConfigResource =
    std::unique_ptr<rd_kafka_ConfigResource_t, KafkaDestroy<rd_kafka_ConfigResource_destroy>>;

ConfigResource resource_of(const std::string& topic) {
  return ConfigResource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
}

}  // namespace

Result<std::unique_ptr<KafkaTopics>> KafkaTopics::open(const KafkaBusOptions& options) {
  // A consumer, as those can be told not to make topics by asking for them.
  auto client = KafkaClient::open(options, {{"allow.auto.create.topics", "false"}});
  if (!client) return client.error();
  return std::unique_ptr<KafkaTopics>(new KafkaTopics(std::move(*client), options.patience));
}

/// Asks again while the answer is Connection and patience lasts.
template <class Ask>
auto KafkaTopics::patiently(Ask ask) const -> decltype(ask()) {
  const auto deadline = Clock::now() + patience_;
  while (true) {
    auto answer = ask();
    if (answer || answer.error().kind != FaultKind::Connection) return answer;
    if (Clock::now() + kPause > deadline) return answer;
    std::this_thread::sleep_for(kPause);
  }
}

/// One operation of Kafka's admin interface: `start(options, queue)` sends it; its event.
template <class Start>
Result<KafkaEvent> KafkaTopics::ask(rd_kafka_admin_op_t operation, const std::string& what,
                                    Start start) const {
  const int answer_ms = static_cast<int>(std::min<std::int64_t>(patience_.count(), kAnswerMs));
  const KafkaQueue queue(rd_kafka_queue_new(client_->get()));
  rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(client_->get(), operation);
  rd_kafka_AdminOptions_set_request_timeout(options, answer_ms, nullptr, 0);
  start(options, queue.get());
  rd_kafka_AdminOptions_destroy(options);
  KafkaEvent event(rd_kafka_queue_poll(queue.get(), answer_ms + 5'000));
  if (!event) return client_->fault(RD_KAFKA_RESP_ERR__TIMED_OUT, what);
  const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return client_->fault(error, what, rd_kafka_event_error_string(event.get()));
  }
  return event;
}

// --- What there is -------------------------------------------------------------------------------

Result<PartitionNumber> KafkaTopics::look_up_once(const std::string& topic, bool wants_leaders,
                                                  milliseconds limit) const {
  const std::string what = "topic " + topic;
  const KafkaTopic handle = client_->topic(topic);
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error = rd_kafka_metadata(
      client_->get(), /*all_topics=*/0, handle.get(), &metadata, static_cast<int>(limit.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return client_->fault(error, what);
  const std::unique_ptr<const rd_kafka_metadata_t, KafkaDestroy<rd_kafka_metadata_destroy>> owner(
      metadata);
  if (metadata->topic_cnt != 1) return client_->fault(RD_KAFKA_RESP_ERR__PARTIAL, what);
  const rd_kafka_metadata_topic_t& found = metadata->topics[0];
  if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) return client_->fault(found.err, what);
  for (int i = 0; wants_leaders && i < found.partition_cnt; ++i) {
    if (found.partitions[i].leader < 0) {
      return client_->fault(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, what);
    }
  }
  if (found.partition_cnt == 0) return client_->fault(RD_KAFKA_RESP_ERR__PARTIAL, what);
  return static_cast<PartitionNumber>(found.partition_cnt);
}

Result<PartitionNumber> KafkaTopics::look_up(const std::string& topic, bool wants_leaders) {
  const auto doubt = Clock::now() + kDoubt;
  const milliseconds limit = std::min(patience_, milliseconds(kAnswerMs));
  while (true) {
    const Result<PartitionNumber> found =
        patiently([&] { return look_up_once(topic, wants_leaders, limit); });
    if (found || found.error().kind != FaultKind::NoTopic || Clock::now() > doubt) return found;
    std::this_thread::sleep_for(kPause);
  }
}

Result<PartitionNumber> KafkaTopics::partitions(const std::string& topic) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(topic);
    if (known != known_.end()) return known->second;
  }
  // Before Kafka hears of it: it answers a name that cannot be in its own ways.
  if (Result<> good = check_topic_name(topic); !good) {
    return Fault{FaultKind::NoTopic, good.error().message};
  }
  const Result<PartitionNumber> found = look_up(topic, /*wants_leaders=*/false);
  if (!found && found.error().kind == FaultKind::NoTopic) return no_topic(topic);
  if (!found) return found;
  const std::lock_guard lock(mutex_);
  known_[topic] = *found;
  return found;
}

void KafkaTopics::forget(const std::string& topic) {
  const std::lock_guard lock(mutex_);
  known_.erase(topic);
}

Result<> KafkaTopics::check(const std::string& topic, PartitionNumber partition) {
  const Result<PartitionNumber> count = partitions(topic);
  if (!count) return count.error();
  if (partition < *count) return {};
  return Fault{FaultKind::NoPartition, "topic " + topic + " has " + std::to_string(*count) +
                                           " partitions; no " + std::to_string(partition)};
}

Result<Marks> KafkaTopics::marks(const std::string& topic, PartitionNumber partition) {
  if (Result<> there = check(topic, partition); !there) return there.error();
  return patiently([&]() -> Result<Marks> {
    std::int64_t low = 0, high = 0;
    const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
        client_->get(), topic.c_str(), static_cast<std::int32_t>(partition), &low, &high,
        static_cast<int>(std::min<std::int64_t>(patience_.count(), kAnswerMs)));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      return Marks{static_cast<Offset>(low), static_cast<Offset>(high)};
    }
    Fault fault = client_->fault(error, partition_text(topic, partition));
    // It was there a moment ago: a broker that has just started does not know it yet.
    if (fault.kind == FaultKind::NoTopic || fault.kind == FaultKind::NoPartition) {
      fault.kind = FaultKind::Connection;
    }
    return fault;
  });
}

// --- Creation ----------------------------------------------------------------------------------

Result<> KafkaTopics::create_once(const std::string& topic, const TopicOptions& options,
                                  bool& existed) const {
  const std::string what = "topic " + topic;
  char reason[512];
  const std::unique_ptr<rd_kafka_NewTopic_t, KafkaDestroy<rd_kafka_NewTopic_destroy>> wanted(
      rd_kafka_NewTopic_new(topic.c_str(), static_cast<int>(options.partitions),
                            /*replication_factor=*/-1, reason, sizeof reason));
  if (!wanted) return client_->fault(RD_KAFKA_RESP_ERR__INVALID_ARG, what, reason);
  for (const auto& [name, value] : creation_config(options)) {
    rd_kafka_NewTopic_set_config(wanted.get(), name.c_str(), value.c_str());
  }
  const Result<KafkaEvent> event =
      ask(RD_KAFKA_ADMIN_OP_CREATETOPICS, what,
          [&](rd_kafka_AdminOptions_t* admin, rd_kafka_queue_t* queue) {
            rd_kafka_AdminOptions_set_operation_timeout(admin, kAnswerMs, nullptr, 0);
            rd_kafka_NewTopic_t* one = wanted.get();
            rd_kafka_CreateTopics(client_->get(), &one, 1, admin, queue);
          });
  if (!event) return event.error();
  std::size_t count = 0;
  const auto* const* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event->get()), &count);
  if (count != 1) return client_->fault(RD_KAFKA_RESP_ERR__PARTIAL, what);
  const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[0]);
  existed = error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
  if (existed || error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  const char* told = rd_kafka_topic_result_error_string(results[0]);
  Fault fault = client_->fault(error, what, told != nullptr ? told : "");
  // Too few brokers at this moment: one that was killed comes back.
  if (error == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR) fault.kind = FaultKind::Connection;
  return fault;
}

Result<KafkaTopics::Configs> KafkaTopics::describe(const std::string& topic) const {
  const std::string what = "configuration of topic " + topic;
  const ConfigResource asked = resource_of(topic);
  const Result<KafkaEvent> event =
      ask(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, what,
          [&](rd_kafka_AdminOptions_t* admin, rd_kafka_queue_t* queue) {
            rd_kafka_ConfigResource_t* one = asked.get();
            rd_kafka_DescribeConfigs(client_->get(), &one, 1, admin, queue);
          });
  if (!event) return event.error();
  std::size_t count = 0;
  const auto* const* found = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event->get()), &count);
  if (count != 1) return client_->fault(RD_KAFKA_RESP_ERR__PARTIAL, what);
  if (const auto error = rd_kafka_ConfigResource_error(found[0])) {
    return client_->fault(error, what);
  }
  Configs configs;
  const auto* const* entries = rd_kafka_ConfigResource_configs(found[0], &count);
  for (std::size_t i = 0; i < count; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    if (value == nullptr) continue;
    const std::string name = rd_kafka_ConfigEntry_name(entries[i]);
    configs.now[name] = value;
    if (rd_kafka_ConfigEntry_source(entries[i]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG) {
      configs.own[name] = value;
    }
  }
  return configs;
}

Result<> KafkaTopics::alter(const std::string& topic, const Config& config) const {
  const std::string what = "configuration of topic " + topic;
  const ConfigResource altered = resource_of(topic);
  for (const auto& [name, value] : config) {
    rd_kafka_ConfigResource_set_config(altered.get(), name.c_str(), value.c_str());
  }
  const Result<KafkaEvent> event =
      ask(RD_KAFKA_ADMIN_OP_ALTERCONFIGS, what,
          [&](rd_kafka_AdminOptions_t* admin, rd_kafka_queue_t* queue) {
            rd_kafka_ConfigResource_t* one = altered.get();
            rd_kafka_AlterConfigs(client_->get(), &one, 1, admin, queue);
          });
  if (!event) return event.error();
  std::size_t count = 0;
  const auto* const* results = rd_kafka_AlterConfigs_result_resources(
      rd_kafka_event_AlterConfigs_result(event->get()), &count);
  if (count != 1) return client_->fault(RD_KAFKA_RESP_ERR__PARTIAL, what);
  if (const auto error = rd_kafka_ConfigResource_error(results[0])) {
    const char* told = rd_kafka_ConfigResource_error_string(results[0]);
    return client_->fault(error, what, told != nullptr ? told : "");
  }
  return {};
}

Result<> KafkaTopics::renew_retention(const std::string& topic, const TopicOptions& options) const {
  Result<Configs> configs = describe(topic);
  if (!configs) return configs.error();
  bool differs = false;
  // An alteration replaces all that was set for the topic: so what others have set goes with it.
  for (const auto& [name, value] : retention_config(options)) {
    differs = differs || configs->now[name] != value;
    configs->own[name] = value;
  }
  return differs ? alter(topic, configs->own) : Result<>();
}

Result<> KafkaTopics::create(const std::string& topic, const TopicOptions& options) {
  bool existed = false;
  Result<> made = patiently([&] { return create_once(topic, options, existed); });
  if (!made) return made;
  forget(topic);
  // Created is one thing, known to the broker that is asked next, with a leader each, another.
  const Result<PartitionNumber> there = look_up(topic, /*wants_leaders=*/true);
  if (!there) return there.error();
  if (*there != options.partitions) {
    return Fault{FaultKind::OtherTopic, "topic " + topic + " has " + std::to_string(*there) +
                                            " partitions, not " +
                                            std::to_string(options.partitions)};
  }
  if (!existed) return {};
  return patiently([&] { return renew_retention(topic, options); });
}

// --- Trimming ----------------------------------------------------------------------------------

Result<> KafkaTopics::trim_once(const std::string& topic, PartitionNumber partition,
                                Offset before) const {
  const std::string what = partition_text(topic, partition);
  const std::unique_ptr<rd_kafka_topic_partition_list_t,
                        KafkaDestroy<rd_kafka_topic_partition_list_destroy>>
      list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), static_cast<std::int32_t>(partition))
      ->offset = static_cast<std::int64_t>(before);
  const std::unique_ptr<rd_kafka_DeleteRecords_t, KafkaDestroy<rd_kafka_DeleteRecords_destroy>>
      records(rd_kafka_DeleteRecords_new(list.get()));
  const Result<KafkaEvent> event =
      ask(RD_KAFKA_ADMIN_OP_DELETERECORDS, what,
          [&](rd_kafka_AdminOptions_t* admin, rd_kafka_queue_t* queue) {
            rd_kafka_DeleteRecords_t* one = records.get();
            rd_kafka_DeleteRecords(client_->get(), &one, 1, admin, queue);
          });
  if (!event) return event.error();
  const rd_kafka_topic_partition_list_t* done =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event->get()));
  if (done->cnt != 1) return client_->fault(RD_KAFKA_RESP_ERR__PARTIAL, what);
  if (done->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return client_->fault(done->elems[0].err, what);
  }
  return {};
}

Result<> KafkaTopics::trim(const std::string& topic, PartitionNumber partition, Offset before) {
  const Result<Marks> now = marks(topic, partition);
  if (!now) return now.error();
  if (before <= now->low) return {};
  return patiently(
      [&] { return trim_once(topic, partition, std::min<Offset>(before, now->high)); });
}

}  // namespace pipeline
