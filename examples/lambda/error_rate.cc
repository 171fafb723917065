#include "examples/lambda/error_rate.h"

#include <utility>

#include "examples/pipeline/byte_codec.h"

namespace lambda_app {

using namespace pipeline;

namespace {

constexpr std::uint8_t kErrorRateVersion = 1;
/// What event time may leap at once, of a source that is idle at night.
constexpr std::int64_t kJumpMsMax = 24ll * 3'600'000;

std::int64_t begin_of_slice(std::int64_t time_ms, std::int64_t slice_ms) {
  const std::int64_t rest = time_ms % slice_ms;
  return time_ms - (rest < 0 ? rest + slice_ms : rest);
}

}  // namespace

std::string encode(const PartialCounts& counts) {
  std::string bytes;
  ByteWriter out(bytes);
  out.u8(kErrorRateVersion);
  out.varint(counts.partition);
  out.varint(counts.from);
  out.varint(counts.to);
  out.fixed64(static_cast<std::uint64_t>(counts.newest_ms));
  out.varint(counts.slices.size());
  for (const auto& [begin_ms, slice] : counts.slices) {
    out.signed_varint(begin_ms);
    out.varint(slice.hits);
    out.varint(slice.errors);
  }
  return bytes;
}

std::optional<PartialCounts> decode_partial_counts(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != kErrorRateVersion) return std::nullopt;
  PartialCounts counts;
  const std::uint64_t partition = in.varint();
  counts.from = in.varint();
  counts.to = in.varint();
  counts.newest_ms = static_cast<std::int64_t>(in.fixed64());
  const std::size_t size = in.count(/*bytes_each=*/3);
  for (std::size_t i = 0; i < size; ++i) {
    const std::int64_t begin_ms = in.signed_varint();
    ErrorCounts& slice = counts.slices[begin_ms];
    slice.hits = in.varint();
    slice.errors = in.varint();
    if (!is_event_time(begin_ms) || slice.errors > slice.hits) return std::nullopt;
  }
  if (!in.finished() || partition >= kPartitionsMax || counts.from > counts.to) return std::nullopt;
  if (counts.newest_ms != EventClock::kNever && !is_event_time(counts.newest_ms))
    return std::nullopt;
  counts.partition = static_cast<PartitionNumber>(partition);
  return counts;
}

ErrorRateOperator::ErrorRateOperator(const TaskPlace& place, std::int64_t slice_ms)
    : slice_ms_(slice_ms), clock_(kJumpMsMax) {
  counts_.partition = place.partition;
  counts_.from = counts_.to = place.from;
}

void ErrorRateOperator::on(const Tuple& tuple) {
  if (!tuple.event) return;
  clock_.observe(tuple.event->time_ms);
  ErrorCounts& slice = counts_.slices[begin_of_slice(tuple.event->time_ms, slice_ms_)];
  ++slice.hits;
  if (tuple.event->status >= kErrorStatus) ++slice.errors;
}

void ErrorRateOperator::save(std::string& to) {
  if (counts_.to > counts_.from) {
    counts_.newest_ms = clock_.now_ms();
    outbox_.add(encode(counts_));
    counts_.from = counts_.to;
    counts_.slices.clear();
  }
  ByteWriter out(to);
  out.u8(kErrorRateVersion);
  out.fixed64(static_cast<std::uint64_t>(clock_.now_ms()));
  out.varint(counts_.from);
  outbox_.save(out);
}

bool ErrorRateOperator::load(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != kErrorRateVersion) return false;
  const auto now_ms = static_cast<std::int64_t>(in.fixed64());
  if (now_ms != EventClock::kNever && !is_event_time(now_ms)) return false;
  clock_ = EventClock(kJumpMsMax, now_ms);
  counts_.from = counts_.to = in.varint();
  return outbox_.load(in) && in.finished();
}

void ErrorRateOperator::committed(Offset /*offset*/) {
  outbox_.committed();
  send_committed();
}

void ErrorRateOperator::send_committed() {
  // What fails stays in the outbox, which tells when it is due again.
  static_cast<void>(
      outbox_.flush([this](std::span<const std::string> partials) { return send(partials); }));
}

}  // namespace lambda_app
