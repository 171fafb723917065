#include "examples/pipeline/bus_protocol.h"

#include <sys/un.h>

#include <charconv>

namespace pipeline {

std::string frame_of(std::string_view body) {
  std::string frame;
  frame.reserve(body.size() + 4);
  ByteWriter out(frame);
  out.fixed32(static_cast<std::uint32_t>(body.size()));
  frame += body;
  return frame;
}

void write_batches(const std::vector<Batch>& batches, ByteWriter& out) {
  out.varint(batches.size());
  for (const Batch& batch : batches) {
    out.varint(batch.partition);
    out.varint(batch.next);
    out.varint(batch.high_water);
    out.varint(batch.records.size());
    for (const StoredRecord& record : batch.records) {
      out.varint(record.offset);
      out.signed_varint(record.append_ms);
      out.string(record.key);
      out.string(record.value);
    }
  }
}

bool read_batches(ByteReader& in, const std::shared_ptr<const void>& memory,
                  std::vector<Batch>& batches) {
  const std::size_t count = in.count(/*bytes_each=*/4);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    Batch& batch = batches.emplace_back();
    batch.partition = static_cast<PartitionNumber>(in.varint());
    batch.next = in.varint();
    batch.high_water = in.varint();
    batch.memory = memory;
    batch.records.resize(in.count(/*bytes_each=*/4));
    for (StoredRecord& record : batch.records) {
      record.offset = in.varint();
      record.append_ms = in.signed_varint();
      record.key = in.string();
      record.value = in.string();
    }
  }
  return in.finished();
}

Result<BusAddress> parse_bus_address(const std::string& address) {
  BusAddress parsed;
  if (address.starts_with("unix:")) {
    parsed.path = address.substr(5);
    if (parsed.path.empty() || parsed.path.size() >= sizeof(sockaddr_un::sun_path)) {
      return Fault{FaultKind::BadArgument, address + ": a socket's path has 1 to " +
                                               std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                                               " bytes"};
    }
    return parsed;
  }
  constexpr std::size_t kPrefix = 4;  // Of "tcp:".
  const std::size_t colon = address.rfind(':');
  if (address.starts_with("tcp:") && colon > kPrefix) {
    parsed.host = address.substr(kPrefix, colon - kPrefix);
    const char* end = address.data() + address.size();
    const auto [stop, fault] = std::from_chars(address.data() + colon + 1, end, parsed.port);
    if (fault == std::errc() && stop == end) return parsed;
  }
  return Fault{FaultKind::BadArgument, address + ": neither unix:PATH nor tcp:HOST:PORT"};
}

}  // namespace pipeline
