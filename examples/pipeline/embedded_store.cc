#include "examples/pipeline/embedded_store.h"

#include "examples/pipeline/byte_codec.h"

namespace pipeline {

namespace {

constexpr std::uint8_t kBlockVersion = 1;

template <class T>
void append_be(std::string& to, T value) {
  for (std::size_t i = sizeof value; i-- > 0;) to.push_back(static_cast<char>(value >> (8 * i)));
}

std::string partition_key(const char* kind, const std::string& topic, PartitionNumber partition) {
  std::string key = kind + topic;
  key.push_back('\0');
  append_be(key, partition);
  return key;
}

}  // namespace

std::string topic_key(const std::string& topic) {
  return "t/" + topic;
}

std::string marks_key(const std::string& topic, PartitionNumber partition) {
  return partition_key("m/", topic, partition);
}

std::string block_key(const std::string& topic, PartitionNumber partition, Offset offset) {
  std::string key = partition_key("r/", topic, partition);
  append_be(key, offset);
  return key;
}

std::optional<Offset> block_offset(std::string_view key, const std::string& topic,
                                   PartitionNumber partition) {
  const std::string prefix = partition_key("r/", topic, partition);
  if (key.size() != prefix.size() + sizeof(Offset) || !key.starts_with(prefix)) {
    return std::nullopt;
  }
  Offset offset = 0;
  for (const char c : key.substr(prefix.size()))
    offset = offset << 8 | static_cast<std::uint8_t>(c);
  return offset;
}

std::string encode_topic(const TopicOptions& options) {
  std::string bytes;
  ByteWriter out(bytes);
  out.varint(options.partitions);
  out.varint(options.retention_bytes);
  out.varint(static_cast<std::uint64_t>(options.retention_age.count()));
  return bytes;
}

std::optional<TopicOptions> decode_topic(std::string_view bytes) {
  ByteReader in(bytes);
  TopicOptions options;
  const std::uint64_t partitions = in.varint();
  options.retention_bytes = in.varint();
  options.retention_age = std::chrono::milliseconds(in.varint());
  if (!in.finished() || partitions == 0 || partitions > kPartitionsMax ||
      options.retention_age.count() < 0 || options.retention_age > kRetentionAgeMax) {
    return std::nullopt;
  }
  options.partitions = static_cast<PartitionNumber>(partitions);
  return options;
}

std::string encode_marks(const StoredMarks& marks) {
  std::string bytes;
  ByteWriter out(bytes);
  out.varint(marks.marks.low);
  out.varint(marks.marks.high);
  out.varint(marks.bytes);
  return bytes;
}

std::optional<StoredMarks> decode_marks(std::string_view bytes) {
  ByteReader in(bytes);
  StoredMarks marks;
  marks.marks.low = in.varint();
  marks.marks.high = in.varint();
  marks.bytes = in.varint();
  if (!in.finished() || marks.marks.low > marks.marks.high) return std::nullopt;
  return marks;
}

std::string encode_block(std::int64_t append_ms, std::span<const Record> records) {
  std::size_t size = 32;
  for (const Record& record : records) size += record.key.size() + record.value.size() + 8;
  std::string block;
  block.reserve(size);
  ByteWriter out(block);
  out.u8(kBlockVersion);
  out.signed_varint(append_ms);
  out.varint(records.size());
  for (const Record& record : records) {
    out.string(record.key);
    out.string(record.value);
  }
  return block;
}

std::optional<BlockHead> decode_block_head(std::string_view block) {
  ByteReader in(block);
  BlockHead head;
  if (in.u8() != kBlockVersion) return std::nullopt;
  head.append_ms = in.signed_varint();
  head.count = in.count(/*bytes_each=*/2);
  return in.ok() && head.count > 0 ? std::optional(head) : std::nullopt;
}

bool decode_block(std::string_view block, Offset base, std::vector<StoredRecord>& to) {
  ByteReader in(block);
  if (in.u8() != kBlockVersion) return false;
  const std::int64_t append_ms = in.signed_varint();
  const std::size_t count = in.count(/*bytes_each=*/2);
  to.reserve(to.size() + count);
  for (std::size_t i = 0; i < count; ++i) {
    StoredRecord record;
    record.offset = base + i;
    record.append_ms = append_ms;
    record.key = in.string();
    record.value = in.string();
    to.push_back(record);
  }
  return in.finished() && count > 0;
}

}  // namespace pipeline
