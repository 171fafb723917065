#include "examples/pipeline/bus_checks.h"

#include <algorithm>
#include <cctype>

namespace pipeline {

Result<> check_topic_name(const std::string& topic) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
  };
  if (topic.empty() || topic.size() > 100 || !std::all_of(topic.begin(), topic.end(), allowed)) {
    return Fault{FaultKind::BadArgument,
                 "topic '" + topic + "': 1 to 100 letters, digits, '.', '_' or '-'"};
  }
  return {};
}

Result<> check_topic(const std::string& topic, const TopicOptions& options) {
  if (Result<> good = check_topic_name(topic); !good) return good;
  if (options.partitions == 0 || options.partitions > kPartitionsMax) {
    return Fault{FaultKind::BadArgument, "topic " + topic + ": 1 to " +
                                             std::to_string(kPartitionsMax) + " partitions, not " +
                                             std::to_string(options.partitions)};
  }
  if (options.retention_age.count() < 0 || options.retention_age > kRetentionAgeMax) {
    return Fault{FaultKind::BadArgument, "topic " + topic + ": no age for retention"};
  }
  return {};
}

Result<> check_records(std::span<const Record> records) {
  if (records.empty()) return Fault{FaultKind::BadArgument, "an append of nothing"};
  std::size_t all = 0;
  for (const Record& record : records) {
    const std::size_t bytes = record.key.size() + record.value.size();
    if (bytes > kRecordBytesMax) {
      return Fault{FaultKind::TooLarge, "a record of " + std::to_string(bytes) +
                                            " bytes; at most " + std::to_string(kRecordBytesMax)};
    }
    all += bytes;
  }
  if (all > kBatchBytesMax) {
    return Fault{FaultKind::TooLarge, "a batch of " + std::to_string(all) + " bytes; at most " +
                                          std::to_string(kBatchBytesMax)};
  }
  return {};
}

Fault no_topic(const std::string& topic) {
  return {FaultKind::NoTopic, "there is no topic " + topic +
                                  ": whoever writes it makes it (lambda collect, pipeline-tool "
                                  "produce)"};
}

}  // namespace pipeline
