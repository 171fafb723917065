// The event bus: partitioned, append-only, read from any offset by anybody. One interface;
// EmbeddedBus (embedded_bus.h) keeps it in LevelDB, RemoteBus (remote_bus.h) asks the process that
// does, and Apache Kafka can stand behind it: nothing here is more than Kafka has.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "examples/pipeline/result.h"

namespace pipeline {

using Offset = std::uint64_t;  ///< Of a record in its partition; from 0, no gaps.
using PartitionNumber = std::uint32_t;

/// What is appended. The key decides the partition: equal keys, one partition, one order.
struct Record {
  std::string_view key;
  std::string_view value;
};

/// What goes to one partition.
struct Part {
  PartitionNumber partition = 0;
  std::vector<Record> records;
};

/// What is read.
struct StoredRecord {
  Offset offset = 0;
  std::int64_t append_ms = 0;  ///< Wall clock of the bus when it was appended.
  std::string_view key;
  std::string_view value;
};

/// Consecutive records of one partition. The texts lie in memory that the batch shares.
struct Batch {
  PartitionNumber partition = 0;
  std::vector<StoredRecord> records;
  Offset next = 0;        ///< Where to read on.
  Offset high_water = 0;  ///< Next offset to be written, when this was read: lag = this - next.
  std::shared_ptr<const void> memory;
};

/// The records there are: [low, high).
struct Marks {
  Offset low = 0;
  Offset high = 0;
};

struct TopicOptions {
  PartitionNumber partitions = 1;
  /// Of a partition: older records go when it is larger, or they are older; 0 keeps all. The newest
  /// batch always stays.
  std::uint64_t retention_bytes = 0;
  std::chrono::milliseconds retention_age{0};
};

/// How much poll() returns at most; at least one record if there is one.
struct ReadLimits {
  std::size_t records_max = 10'000;
  std::size_t bytes_max = 4u << 20;
};

inline constexpr std::size_t kRecordBytesMax = 1u << 20;  ///< Key and value.
inline constexpr std::size_t kBatchBytesMax = 8u << 20;   ///< Of one append.
inline constexpr PartitionNumber kPartitionsMax = 1'024;
inline constexpr std::chrono::hours kRetentionAgeMax{24 * 366 * 100};

/// One place per partition from which a reader reads.
struct Position {
  PartitionNumber partition = 0;
  Offset offset = 0;
};

/// Reads some partitions of one topic. It keeps no offsets anywhere but in itself: to commit them
/// is the consumer's business. Owned by one thread, but for wake().
class Reader {
 public:
  virtual ~Reader() = default;

  /// Replaces the positions; an empty list is allowed.
  virtual void assign(std::vector<Position> positions) = 0;
  /// Positions as they are now, after what was polled.
  virtual const std::vector<Position>& positions() const = 0;

  /// Records from one or several positions, each partition in order, and moves these. Blocks until
  /// there is one, `limit` (an hour at most) has passed or somebody calls wake(): then it is empty.
  /// Partitions take turns. Nothing polls inside: an append wakes the waiting readers.
  ///
  /// Faults: OutOfRange (the position is not moved: assign() a new one from marks()), NoPartition,
  /// Connection (ask again), Closed, Damaged, Storage.
  virtual Result<std::vector<Batch>> poll(std::chrono::milliseconds limit) = 0;

  /// Lets the poll() that waits now, or else the next one, return at once, mostly with nothing. Any
  /// thread.
  virtual void wake() = 0;
};

/// All functions from any thread; they block. At least once: an append that ended with Connection
/// or Storage may have been done, and doing it again may store it twice. Consumers tell events by
/// id.
class Bus {
 public:
  virtual ~Bus() = default;

  /// Fine if it is there already with as many partitions (its retention is renewed), else
  /// OtherTopic. Names: letters, digits, '.', '_', '-'; at most 100.
  virtual Result<> create_topic(const std::string& topic, const TopicOptions& options) = 0;
  virtual Result<PartitionNumber> partitions(const std::string& topic) = 0;

  /// All or nothing, in this order, at the offset that is returned.
  virtual Result<Offset> append(const std::string& topic, PartitionNumber partition,
                                std::span<const Record> records) = 0;

  /// append() of each part: all or nothing for each, not for all of them. Where an append is a
  /// round trip, they make it together.
  virtual Result<> append_parts(const std::string& topic, std::span<const Part> parts);

  virtual Result<Marks> marks(const std::string& topic, PartitionNumber partition) = 0;
  /// The records below `before` go; the others keep their offsets.
  virtual Result<> trim(const std::string& topic, PartitionNumber partition, Offset before) = 0;

  virtual Result<std::unique_ptr<Reader>> open_reader(const std::string& topic,
                                                      ReadLimits limits = {}) = 0;
};

/// The partition of a key; stable over versions.
PartitionNumber partition_of(std::string_view key, PartitionNumber partitions);

/// Appends each record to the partition of its key, in their order there: all or nothing for each
/// partition, not for all of them.
Result<> append_by_key(Bus& bus, const std::string& topic, std::span<const Record> records);

}  // namespace pipeline
