// A bus that another process keeps (BusServer).
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "examples/pipeline/bus.h"

namespace pipeline {

struct RemoteBusOptions {
  std::string address;  ///< As BusServer's.
  /// How long a call tries to reach a broker that is not there (it may be starting again), before
  /// it answers Connection.
  std::chrono::milliseconds patience{10'000};
};

/// One connection for calls, made when needed and made again when lost, and one per reader. Reads
/// are repeated after a lost connection; an append that may have been done is not: Connection.
class RemoteBus : public Bus {
 public:
  explicit RemoteBus(RemoteBusOptions options);
  ~RemoteBus() override;

  Result<> create_topic(const std::string& topic, const TopicOptions& options) override;
  Result<PartitionNumber> partitions(const std::string& topic) override;
  Result<Offset> append(const std::string& topic, PartitionNumber partition,
                        std::span<const Record> records) override;
  Result<Marks> marks(const std::string& topic, PartitionNumber partition) override;
  Result<> trim(const std::string& topic, PartitionNumber partition, Offset before) override;
  Result<std::unique_ptr<Reader>> open_reader(const std::string& topic,
                                              ReadLimits limits = {}) override;

 private:
  class Connection;
  RemoteBusOptions options_;
  std::unique_ptr<Connection> connection_;
  std::mutex known_mutex_;  ///< Appends of several threads ask for it; it never changes.
  std::map<std::string, PartitionNumber> known_;
};

}  // namespace pipeline
