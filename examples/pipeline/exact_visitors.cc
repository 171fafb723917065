#include "examples/pipeline/exact_visitors.h"

#include <algorithm>
#include <vector>

namespace pipeline {

void ExactVisitors::encode(ByteWriter& out) const {
  std::vector<std::uint64_t> sorted(hashes_.begin(), hashes_.end());
  std::sort(sorted.begin(), sorted.end());
  out.varint(sorted.size());
  for (const std::uint64_t hash : sorted) out.fixed64(hash);
}

std::optional<ExactVisitors> ExactVisitors::decode(ByteReader& in) {
  ExactVisitors set;
  const std::size_t count = in.count(/*bytes_each=*/8);
  set.hashes_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) set.add(in.fixed64());
  return in.ok() ? std::optional(std::move(set)) : std::nullopt;
}

}  // namespace pipeline
