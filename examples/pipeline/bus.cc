#include "examples/pipeline/bus.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace pipeline {

PartitionNumber partition_of(std::string_view key, PartitionNumber partitions) {
  if (partitions == 0) return 0;
  return static_cast<PartitionNumber>(XXH3_64bits(key.data(), key.size()) % partitions);
}

Result<> Bus::append_parts(const std::string& topic, std::span<const Part> parts) {
  for (const Part& part : parts) {
    const Result<Offset> done = append(topic, part.partition, part.records);
    if (!done) return done.error();
  }
  return {};
}

Result<> append_by_key(Bus& bus, const std::string& topic, std::span<const Record> records) {
  const Result<PartitionNumber> partitions = bus.partitions(topic);
  if (!partitions) return partitions.error();
  std::vector<Part> parts(*partitions);
  std::vector<std::size_t> bytes(*partitions);
  for (PartitionNumber number = 0; number < *partitions; ++number) parts[number].partition = number;
  for (const Record& record : records) {
    const PartitionNumber number = partition_of(record.key, *partitions);
    bytes[number] += record.key.size() + record.value.size();
    if (bytes[number] > kBatchBytesMax / 2 && !parts[number].records.empty()) {
      const Result<Offset> done = bus.append(topic, number, parts[number].records);
      if (!done) return done.error();
      parts[number].records.clear();
      bytes[number] = record.key.size() + record.value.size();
    }
    parts[number].records.push_back(record);
  }
  std::erase_if(parts, [](const Part& part) { return part.records.empty(); });
  return bus.append_parts(topic, parts);
}

}  // namespace pipeline
