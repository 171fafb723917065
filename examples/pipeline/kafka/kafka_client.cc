#include "examples/pipeline/kafka/kafka_client.h"

#include <syslog.h>

#include <string_view>

namespace pipeline {

namespace {

/// Of both producers and consumers.
const KafkaSettings kShared{
    {"client.id", "quorate-pipeline"},
    {"socket.nagle.disable", "true"},
    // A broker that hangs is given up, and asked for again soon after it is back.
    {"socket.timeout.ms", "10000"},
    {"reconnect.backoff.ms", "50"},
    {"reconnect.backoff.max.ms", "1000"},
};

std::string set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  char reason[512];
  if (rd_kafka_conf_set(conf, name, value.c_str(), reason, sizeof reason) == RD_KAFKA_CONF_OK) {
    return "";
  }
  return reason;
}

}  // namespace

Result<std::unique_ptr<KafkaClient>> KafkaClient::open(const KafkaBusOptions& options,
                                                       const KafkaSettings& settings,
                                                       KafkaDelivered delivered) {
  std::unique_ptr<KafkaClient> client(new KafkaClient(options.servers));
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::string reason = set(conf, "bootstrap.servers", options.servers);
  // The user's first: what promises of bus.h rest on is set last.
  for (const KafkaSettings* some : {&options.settings, &kShared, &settings}) {
    for (const auto& [name, value] : *some) {
      if (reason.empty()) reason = set(conf, name.c_str(), value);
    }
  }
  rd_kafka_conf_set_opaque(conf, client.get());
  rd_kafka_conf_set_log_cb(conf, on_log);
  if (delivered != nullptr) rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  if (reason.empty()) {
    char text[512];
    client->handle_ = rd_kafka_new(delivered != nullptr ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER,
                                   conf, text, sizeof text);
    if (client->handle_ != nullptr) return client;  // It owns `conf` now.
    reason = text;
  }
  rd_kafka_conf_destroy(conf);
  return Fault{FaultKind::BadArgument, "kafka:" + options.servers + ": " + reason};
}

KafkaClient::~KafkaClient() {
  if (handle_ != nullptr) rd_kafka_destroy(handle_);
}

/// librdkafka tries for ever and says why in its log; the last of it belongs into the fault.
void KafkaClient::on_log(const rd_kafka_t* handle, int level, const char*, const char* text) {
  auto* client = static_cast<KafkaClient*>(rd_kafka_opaque(handle));
  std::string_view line(text);
  // "3/3 brokers are down" follows on what happened to the last of them, which says more.
  if (level > LOG_ERR || client == nullptr || line.ends_with("brokers are down")) return;
  const std::size_t behind_thread = line.starts_with("[thrd:") ? line.find("]: ") : line.npos;
  if (behind_thread != line.npos) line.remove_prefix(behind_thread + 3);
  const std::lock_guard lock(client->mutex_);
  client->last_error_ = line;
}

KafkaTopic KafkaClient::topic(const std::string& name) const {
  return KafkaTopic(rd_kafka_topic_new(handle_, name.c_str(), nullptr));
}

Fault KafkaClient::fault(rd_kafka_resp_err_t error, const std::string& what,
                         const std::string& reason) const {
  Fault fault{kafka_fault_kind(error), "kafka:" + servers_ + ": " + what + ": " +
                                           (reason.empty() ? rd_kafka_err2str(error) : reason)};
  if (fault.kind == FaultKind::Connection) {
    const std::lock_guard lock(mutex_);
    if (!last_error_.empty()) fault.message += "; last met: " + last_error_;
  }
  return fault;
}

FaultKind kafka_fault_kind(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      return FaultKind::NoTopic;
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return FaultKind::NoPartition;
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      return FaultKind::OutOfRange;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
      return FaultKind::TooLarge;
    case RD_KAFKA_RESP_ERR__DESTROY:
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
      return FaultKind::Closed;
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_LOG_DIR_NOT_FOUND:
      return FaultKind::Storage;
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
      return FaultKind::Damaged;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return FaultKind::BadArgument;
    default:
      return FaultKind::Connection;
  }
}

}  // namespace pipeline
