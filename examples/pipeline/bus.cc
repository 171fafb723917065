#include "examples/pipeline/bus.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace pipeline {

PartitionNumber partition_of(std::string_view key, PartitionNumber partitions) {
  if (partitions == 0) return 0;
  return static_cast<PartitionNumber>(XXH3_64bits(key.data(), key.size()) % partitions);
}

Result<> append_by_key(Bus& bus, const std::string& topic, std::span<const Record> records) {
  const Result<PartitionNumber> partitions = bus.partitions(topic);
  if (!partitions) return partitions.error();
  struct Part {
    std::vector<Record> records;
    std::size_t bytes = 0;
  };
  std::vector<Part> parts(*partitions);
  const auto flush = [&](PartitionNumber number) -> Result<> {
    if (parts[number].records.empty()) return {};
    const Result<Offset> done = bus.append(topic, number, parts[number].records);
    parts[number] = {};
    if (!done) return done.error();
    return {};
  };
  for (const Record& record : records) {
    const PartitionNumber number = partition_of(record.key, *partitions);
    const std::size_t bytes = record.key.size() + record.value.size();
    if (parts[number].bytes + bytes > kBatchBytesMax / 2) {
      if (Result<> done = flush(number); !done) return done;
    }
    parts[number].records.push_back(record);
    parts[number].bytes += bytes;
  }
  for (PartitionNumber number = 0; number < *partitions; ++number) {
    if (Result<> done = flush(number); !done) return done;
  }
  return {};
}

}  // namespace pipeline
