// What EmbeddedBus keeps in LevelDB: keys, blocks of records, marks.
//
//   t/<topic>                                  partitions, retention
//   m/<topic> 0 <partition, 4 bytes>           low and high mark, bytes stored
//   r/<topic> 0 <partition> <offset, 8 bytes>  one appended batch; numbers big-endian, so that
//                                              LevelDB's order is that of the offsets
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "examples/pipeline/bus.h"

namespace pipeline {

std::string topic_key(const std::string& topic);
std::string marks_key(const std::string& topic, PartitionNumber partition);
std::string block_key(const std::string& topic, PartitionNumber partition, Offset offset);
/// Offset of a block's key, if it belongs to that partition.
std::optional<Offset> block_offset(std::string_view key, const std::string& topic,
                                   PartitionNumber partition);

std::string encode_topic(const TopicOptions& options);
std::optional<TopicOptions> decode_topic(std::string_view bytes);

struct StoredMarks {
  Marks marks;
  std::uint64_t bytes = 0;  ///< Of all blocks.
};
std::string encode_marks(const StoredMarks& marks);
std::optional<StoredMarks> decode_marks(std::string_view bytes);

std::string encode_block(std::int64_t append_ms, std::span<const Record> records);
/// The head of a block: when it was appended, how many records.
struct BlockHead {
  std::int64_t append_ms = 0;
  std::uint64_t count = 0;
};
std::optional<BlockHead> decode_block_head(std::string_view block);
/// All records of the block that begins at `base`, as views into it.
bool decode_block(std::string_view block, Offset base, std::vector<StoredRecord>& to);

}  // namespace pipeline
