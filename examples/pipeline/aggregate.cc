#include "examples/pipeline/aggregate.h"

namespace pipeline {

namespace {
constexpr std::uint8_t kVersion = 1;
}  // namespace

template <class Visitors>
void BasicAggregator<Visitors>::encode(std::string& to) const {
  std::string part;
  ByteWriter out(to);
  out.u8(kVersion);
  summary_.encode(part);
  out.string(part);
  part.clear();
  seen_.encode(part);
  out.string(part);
}

template <class Visitors>
std::optional<BasicAggregator<Visitors>> BasicAggregator<Visitors>::decode(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != kVersion) return std::nullopt;
  auto summary = BasicSummary<Visitors>::decode(in.string());
  auto seen = SeenIds::decode(in.string());
  if (!in.finished() || !summary || !seen) return std::nullopt;
  BasicAggregator aggregator;
  aggregator.summary_ = std::move(*summary);
  aggregator.seen_ = std::move(*seen);
  return aggregator;
}

template class BasicAggregator<ExactVisitors>;
template class BasicAggregator<HyperLogLog>;

}  // namespace pipeline
