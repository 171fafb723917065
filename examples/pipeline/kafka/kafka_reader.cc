#include "examples/pipeline/kafka/kafka_reader.h"

#include <algorithm>
#include <array>
#include <utility>

namespace pipeline {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPause{50};

const KafkaSettings kReading{
    {"allow.auto.create.topics", "false"},
    {"enable.auto.commit", "false"},  // Offsets live in Quorate.
    {"auto.offset.reset", "error"},   // What is gone is told, not skipped.
    // A partition that is new to the reader waits for a fetch of the others to end.
    {"fetch.wait.max.ms", "100"},
    {"fetch.error.backoff.ms", "50"},
    {"fetch.max.bytes", std::to_string(kKafkaBatchBytesMax)},
    {"queued.min.messages", "200000"},
    {"queued.max.messages.kbytes", "65536"},
};

std::size_t bytes_of(const rd_kafka_message_t& message) {
  return message.key_len + message.len;
}

std::string_view text(const void* data, std::size_t size) {
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), size);
}

}  // namespace

Result<std::unique_ptr<Reader>> KafkaReader::open(const KafkaBusOptions& options,
                                                  std::shared_ptr<KafkaTopics> topics,
                                                  const std::string& topic, ReadLimits limits) {
  if (const auto there = topics->partitions(topic); !there) return there.error();
  auto client = KafkaClient::open(options, kReading);
  if (!client) return client.error();
  std::unique_ptr<KafkaReader> reader(new KafkaReader(std::move(topics), topic, limits));
  reader->client_ = std::move(*client);
  reader->handle_ = reader->client_->topic(topic);
  reader->queue_.reset(rd_kafka_queue_new(reader->client_->get()));
  const std::uint64_t one = 1;  // What an eventfd takes.
  rd_kafka_queue_io_event_enable(reader->queue_.get(), reader->bell_.fd(), &one, sizeof one);
  return std::unique_ptr<Reader>(std::move(reader));
}

KafkaReader::~KafkaReader() {
  held_.clear();
  for (const auto& [partition, next] : running_) {
    rd_kafka_consume_stop(handle_.get(), static_cast<std::int32_t>(partition));
  }
  if (queue_) rd_kafka_queue_io_event_enable(queue_.get(), -1, nullptr, 0);
}

void KafkaReader::wake() {
  woken_ = true;
  bell_.ring();
}

void KafkaReader::assign(std::vector<Position> positions) {
  positions_ = std::move(positions);
  changed_ = true;
}

// --- Which partitions are fetched ------------------------------------------------------------

void KafkaReader::stop(PartitionNumber partition) {
  // What it leaves in the queue is dropped by librdkafka; what was taken from there, here.
  rd_kafka_consume_stop(handle_.get(), static_cast<std::int32_t>(partition));
  running_.erase(partition);
  std::erase_if(held_, [partition](const KafkaMessage& message) {
    return message->partition == static_cast<std::int32_t>(partition);
  });
  changed_ = true;
}

Result<> KafkaReader::start(const Position& position) {
  if (Result<> there = topics_->check(topic_, position.partition); !there) return there;
  const int refused =
      rd_kafka_consume_start_queue(handle_.get(), static_cast<std::int32_t>(position.partition),
                                   static_cast<std::int64_t>(position.offset), queue_.get());
  if (refused != 0) {
    return client_->fault(rd_kafka_last_error(),
                          "topic " + topic_ + ", partition " + std::to_string(position.partition));
  }
  running_[position.partition] = position.offset;
  return {};
}

/// Partitions whose position is where they are already go on undisturbed.
Result<> KafkaReader::start_and_stop() {
  if (!changed_) return {};
  std::map<PartitionNumber, Offset> wanted;
  for (const Position& position : positions_) wanted[position.partition] = position.offset;
  const auto running = running_;
  for (const auto& [partition, next] : running) {
    const auto at = wanted.find(partition);
    if (at == wanted.end() || at->second != next) stop(partition);
  }
  for (const auto& [partition, offset] : wanted) {
    if (running_.count(partition) != 0) continue;
    if (Result<> started = start({partition, offset}); !started) return started;
  }
  changed_ = false;
  return {};
}

// --- What comes ----------------------------------------------------------------------------------

Result<std::vector<Batch>> KafkaReader::poll(milliseconds limit) {
  const auto deadline =
      Clock::now() + std::clamp<milliseconds>(limit, milliseconds(0), std::chrono::hours(1));
  while (true) {
    if (woken_.exchange(false)) return std::vector<Batch>();
    if (Result<> ready = start_and_stop(); !ready) return ready.error();
    Result<std::vector<Batch>> batches = take();
    if (!batches || !batches->empty()) return batches;
    if (Clock::now() >= deadline) return std::vector<Batch>();
    // A partition that met an error is started anew, not at once: it may meet it again.
    bell_.wait(changed_ ? std::min(deadline, Clock::now() + kPause) : deadline);
  }
}

/// More from the queue, without waiting.
bool KafkaReader::refill() {
  std::array<rd_kafka_message_t*, 1'000> messages;
  const ssize_t count = rd_kafka_consume_batch_queue(queue_.get(), /*timeout_ms=*/0,
                                                     messages.data(), messages.size());
  for (ssize_t i = 0; i < count; ++i) held_.emplace_back(messages[static_cast<std::size_t>(i)]);
  return count > 0;
}

Result<std::vector<Batch>> KafkaReader::take() {
  Picked picked;
  std::size_t records = 0, bytes = 0;
  while (records < limits_.records_max && (!held_.empty() || refill())) {
    const rd_kafka_message_t& message = *held_.front();
    const auto partition = static_cast<PartitionNumber>(message.partition);
    const auto running = running_.find(partition);
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR && running != running_.end()) {
      if (records > 0) break;  // The next poll() tells; these are good.
      const KafkaMessage fault = std::move(held_.front());
      held_.pop_front();
      if (Result<> told = tell(*fault); !told) return told.error();
      continue;
    }
    if (running == running_.end() || message.offset < static_cast<std::int64_t>(running->second)) {
      held_.pop_front();
      continue;
    }
    if (records > 0 && bytes + bytes_of(message) > limits_.bytes_max) break;
    ++records;
    bytes += bytes_of(message);
    running->second = static_cast<Offset>(message.offset) + 1;
    picked[partition].push_back(std::move(held_.front()));
    held_.pop_front();
  }
  std::vector<Batch> batches;
  for (const auto& [partition, messages] : picked) {
    batches.push_back(batch_of(partition, messages));
    for (Position& position : positions_) {
      if (position.partition == partition) position.offset = batches.back().next;
    }
  }
  return batches;
}

/// An error in a partition's place. It is fetched anew by the next poll(), so that what is wrong is
/// told again as long as it is.
Result<> KafkaReader::tell(const rd_kafka_message_t& message) {
  const auto partition = static_cast<PartitionNumber>(message.partition);
  const Fault fault =
      client_->fault(message.err, "topic " + topic_ + ", partition " + std::to_string(partition),
                     std::string(text(message.payload, message.len)));
  stop(partition);
  if (fault.kind == FaultKind::NoTopic || fault.kind == FaultKind::NoPartition) {
    // So says a broker, too, that has just started and does not know yet.
    topics_->forget(topic_);
    return topics_->check(topic_, partition);
  }
  if (fault.kind == FaultKind::Connection) return {};
  return fault;
}

Batch KafkaReader::batch_of(PartitionNumber partition,
                            const std::vector<KafkaMessage>& messages) const {
  std::size_t bytes = 0;
  for (const KafkaMessage& message : messages) bytes += bytes_of(*message);
  const auto memory = std::make_shared<std::string>();
  memory->reserve(bytes);  // So it does not move while views of it are made.
  const auto keep = [&memory](const void* data, std::size_t size) {
    const std::size_t begin = memory->size();
    memory->append(text(data, size));
    return std::string_view(*memory).substr(begin);
  };
  Batch batch;
  batch.partition = partition;
  batch.memory = memory;
  batch.records.reserve(messages.size());
  for (const KafkaMessage& message : messages) {
    StoredRecord& record = batch.records.emplace_back();
    record.offset = static_cast<Offset>(message->offset);
    record.append_ms =
        std::max<std::int64_t>(rd_kafka_message_timestamp(message.get(), nullptr), 0);
    record.key = keep(message->key, message->key_len);
    record.value = keep(message->payload, message->len);
  }
  batch.next = batch.records.back().offset + 1;
  std::int64_t low = 0, high = 0;  // As the last fetch told.
  rd_kafka_get_watermark_offsets(client_->get(), topic_.c_str(),
                                 static_cast<std::int32_t>(partition), &low, &high);
  batch.high_water = std::max(batch.next, static_cast<Offset>(std::max<std::int64_t>(high, 0)));
  return batch;
}

}  // namespace pipeline
