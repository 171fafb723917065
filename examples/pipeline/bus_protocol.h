// What RemoteBus and BusServer say to each other: frames of a length (4 bytes, little-endian) and a
// body.
//
//   request  op (1), number (varint), then the fields of the op in the order given here
//   reply    0 or 1 + FaultKind (1), number of the request (varint), then fields or a message
//
// A connection has one request under way at a time, but for Cancel, which has no reply of its own:
// it lets the Read that waits be answered at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "examples/pipeline/bus.h"
#include "examples/pipeline/byte_codec.h"

namespace pipeline {

enum class BusOp : std::uint8_t {
  CreateTopic = 1,  ///< topic, partitions, retention bytes, retention ms -> nothing
  Partitions = 2,   ///< topic -> number
  Append = 3,       ///< topic, partition, count, (key, value)... -> offset
  Marks = 4,        ///< topic, partition -> low, high
  Trim = 5,         ///< topic, partition, before -> nothing
  Read = 6,         ///< topic, count, (partition, offset)..., records, bytes, wait ms -> batches
  Cancel = 7,
};

inline constexpr std::size_t kFrameBytesMax = 64u << 20;
inline constexpr std::size_t kReadBytesMax = 16u << 20;  ///< Of a Read, whatever was asked for.

/// A frame around `body`.
std::string frame_of(std::string_view body);

void write_batches(const std::vector<Batch>& batches, ByteWriter& out);
/// Texts are views into what `in` reads; `memory` keeps that.
bool read_batches(ByteReader& in, const std::shared_ptr<const void>& memory,
                  std::vector<Batch>& batches);

/// "unix:/path" or "tcp:host:port".
struct BusAddress {
  std::string path;  ///< "" for TCP.
  std::string host;
  std::uint16_t port = 0;
};
Result<BusAddress> parse_bus_address(const std::string& address);

}  // namespace pipeline
