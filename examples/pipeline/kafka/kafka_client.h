// What of librdkafka the parts of KafkaBus share: a handle, its settings, its errors as faults.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "examples/pipeline/kafka/kafka_bus.h"
#include "examples/pipeline/result.h"

namespace pipeline {

/// Deleter for librdkafka's own kinds of objects.
template <auto Destroy>
struct KafkaDestroy {
  template <class T>
  void operator()(T* object) const {
    Destroy(object);
  }
};
using KafkaTopic = std::unique_ptr<rd_kafka_topic_t, KafkaDestroy<rd_kafka_topic_destroy>>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_t, KafkaDestroy<rd_kafka_queue_destroy>>;
using KafkaEvent = std::unique_ptr<rd_kafka_event_t, KafkaDestroy<rd_kafka_event_destroy>>;
using KafkaMessage = std::unique_ptr<rd_kafka_message_t, KafkaDestroy<rd_kafka_message_destroy>>;

/// What goes out as one batch, with Kafka's overhead per record; topics allow it, too.
inline constexpr int kKafkaBatchBytesMax = 16 << 20;

using KafkaSettings = std::vector<std::pair<std::string, std::string>>;
using KafkaDelivered = void (*)(rd_kafka_t*, const rd_kafka_message_t*, void*);

/// One librdkafka instance with its threads. Any thread.
class KafkaClient {
 public:
  /// `delivered` makes it a producer; it is called by rd_kafka_poll().
  static Result<std::unique_ptr<KafkaClient>> open(const KafkaBusOptions& options,
                                                   const KafkaSettings& settings,
                                                   KafkaDelivered delivered = nullptr);
  /// What was made from it must be gone.
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  rd_kafka_t* get() const { return handle_; }
  KafkaTopic topic(const std::string& name) const;
  /// `what` was tried. Where the fault is the connection, it tells what librdkafka met last.
  Fault fault(rd_kafka_resp_err_t error, const std::string& what,
              const std::string& reason = "") const;

 private:
  explicit KafkaClient(std::string servers) : servers_(std::move(servers)) {}
  static void on_log(const rd_kafka_t* handle, int level, const char* kind, const char* text);

  std::string servers_;
  rd_kafka_t* handle_ = nullptr;
  mutable std::mutex mutex_;  ///< librdkafka's threads tell, any thread asks.
  std::string last_error_;
};

/// What the caller can do about a librdkafka error; what is worth another try is Connection.
FaultKind kafka_fault_kind(rd_kafka_resp_err_t error);

}  // namespace pipeline
