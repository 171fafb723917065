// The bus in LevelDB, for one process. Several processes share one through BusServer and RemoteBus.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "examples/pipeline/bus.h"

namespace pipeline {

struct EmbeddedBusOptions {
  std::string folder;  ///< Made if missing; its parent must exist.
  /// Wait for the disk with every append. Without it a kill -9 of the process loses nothing, a
  /// power cut may lose the last appends (never what lies before them).
  bool sync = false;
};

/// One LevelDB entry per appended batch, so an append is one atomic write with the marks that
/// belong to it; a torn one is not there at all. Readers wait on a condition variable. LevelDB lets
/// one process at a time open a folder: the second gets Storage.
class EmbeddedBus : public Bus {
 public:
  /// Faults: Storage (in use, not writable), Damaged.
  static Result<std::unique_ptr<EmbeddedBus>> open(const EmbeddedBusOptions& options);
  ~EmbeddedBus() override;  ///< Readers must be gone.

  Result<> create_topic(const std::string& topic, const TopicOptions& options) override;
  Result<PartitionNumber> partitions(const std::string& topic) override;
  Result<Offset> append(const std::string& topic, PartitionNumber partition,
                        std::span<const Record> records) override;
  Result<Marks> marks(const std::string& topic, PartitionNumber partition) override;
  Result<> trim(const std::string& topic, PartitionNumber partition, Offset before) override;
  Result<std::unique_ptr<Reader>> open_reader(const std::string& topic,
                                              ReadLimits limits = {}) override;

  /// What a reader would get now, without waiting; empty if there is nothing. For BusServer.
  Result<Batch> read(const std::string& topic, const Position& from, const ReadLimits& limits);
  /// `appended` is called after each append, by the appending thread; it must not block nor call
  /// back. One listener; an empty function takes it away, after which it is not running any more.
  void set_append_listener(std::function<void(const std::string& topic, PartitionNumber)> appended);

  class State;

 private:
  explicit EmbeddedBus(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace pipeline
