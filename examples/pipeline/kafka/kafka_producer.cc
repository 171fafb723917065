#include "examples/pipeline/kafka/kafka_producer.h"

#include <vector>

namespace pipeline {

namespace {

KafkaSettings settings_of(std::chrono::milliseconds patience) {
  return {
      {"enable.idempotence", "true"},
      {"acks", "all"},
      {"max.in.flight.requests.per.connection", "5"},
      {"message.timeout.ms", std::to_string(patience.count())},
      {"compression.type", "lz4"},
      // One append is one batch, whatever its size; the linger is the time in which its records
      // must have come together.
      {"linger.ms", "2"},
      {"batch.num.messages", "1000000"},
      {"batch.size", std::to_string(kKafkaBatchBytesMax)},
      {"message.max.bytes", std::to_string(kKafkaBatchBytesMax)},
      // What waits for brokers; when it is full, appends wait.
      {"queue.buffering.max.messages", "2000000"},
      {"queue.buffering.max.kbytes", "65536"},
  };
}

}  // namespace

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::open(const KafkaBusOptions& options) {
  std::unique_ptr<KafkaProducer> producer(new KafkaProducer);
  auto client = KafkaClient::open(options, settings_of(options.patience), on_delivered);
  if (!client) return client.error();
  producer->client_ = std::move(*client);
  producer->events_.reset(rd_kafka_queue_get_main(producer->client_->get()));
  producer->thread_ = std::thread([raw = producer.get()] { raw->serve(); });
  return producer;
}

KafkaProducer::~KafkaProducer() {
  stopping_ = true;
  if (events_) rd_kafka_queue_yield(events_.get());
  if (thread_.joinable()) thread_.join();
}

void KafkaProducer::serve() {
  constexpr int kHourMs = 3'600'000;  // It returns for every event, and for the yield.
  while (!stopping_) rd_kafka_poll(client_->get(), kHourMs);
}

void KafkaProducer::on_delivered(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  auto& waiting = *static_cast<Waiting*>(message->_private);
  KafkaProducer& producer = *waiting.producer;
  const std::lock_guard lock(producer.mutex_);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && waiting.error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    waiting.error = message->err;
  }
  // Deliveries of a partition come in the order of its records.
  if (waiting.first < 0) waiting.first = message->offset;
  if (--waiting.left == 0) producer.delivered_.notify_all();
}

void KafkaProducer::enqueue(const std::string& topic, PartitionNumber partition,
                            std::span<const Record> records, Waiting& waiting) {
  waiting.producer = this;
  waiting.left = records.size();  // Nobody else knows of it yet.
  const std::lock_guard order(enqueuing_);
  KafkaTopic& handle = topics_[topic];
  if (!handle) handle = client_->topic(topic);
  for (std::size_t i = 0; i < records.size(); ++i) {
    // Values are not copied: they stay where they are until the caller has all deliveries.
    const Record& record = records[i];
    const int refused =
        rd_kafka_produce(handle.get(), static_cast<std::int32_t>(partition), RD_KAFKA_MSG_F_BLOCK,
                         const_cast<char*>(record.value.data()), record.value.size(),
                         record.key.data(), record.key.size(), &waiting);
    if (refused == 0) continue;
    const rd_kafka_resp_err_t error = rd_kafka_last_error();
    const std::lock_guard lock(mutex_);
    waiting.error = error;
    waiting.left -= records.size() - i;
    return;
  }
}

Result<Offset> KafkaProducer::wait(const std::string& topic, PartitionNumber partition,
                                   Waiting& waiting) {
  {
    // message.timeout.ms sees to it that every record's fate comes to be known.
    std::unique_lock lock(mutex_);
    delivered_.wait(lock, [&waiting] { return waiting.left == 0; });
  }
  const std::string what = "append to topic " + topic + ", partition " + std::to_string(partition);
  char reason[512];
  const auto fatal = rd_kafka_fatal_error(client_->get(), reason, sizeof reason);
  if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) broken_ = true;
  if (waiting.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fatal != RD_KAFKA_RESP_ERR_NO_ERROR ? client_->fault(fatal, what, reason)
                                               : client_->fault(waiting.error, what);
  }
  if (waiting.first >= 0) return static_cast<Offset>(waiting.first);
  // A repetition that the broker knew, but not any more where it had put it.
  return client_->fault(RD_KAFKA_RESP_ERR__PARTIAL, what, "stored, but Kafka does not say where");
}

Result<Offset> KafkaProducer::append(const std::string& topic, PartitionNumber partition,
                                     std::span<const Record> records) {
  Waiting waiting;
  enqueue(topic, partition, records, waiting);
  return wait(topic, partition, waiting);
}

Result<> KafkaProducer::append_parts(const std::string& topic, std::span<const Part> parts) {
  std::vector<Waiting> all(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    enqueue(topic, parts[i].partition, parts[i].records, all[i]);
  }
  // All are waited for, whatever becomes of the first: their records lie with the caller.
  Result<> result;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Result<Offset> done = wait(topic, parts[i].partition, all[i]);
    if (!done && result) result = done.error();
  }
  return result;
}

}  // namespace pipeline
