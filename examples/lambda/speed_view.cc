#include "examples/lambda/speed_view.h"

#include <algorithm>
#include <iterator>

#include "examples/lambda/operator_states.h"
#include "examples/pipeline/byte_codec.h"

namespace lambda_app {

namespace {

using pipeline::ByteReader;
using pipeline::ByteWriter;
using pipeline::SketchSummary;
using pipeline::SummaryOptions;

constexpr std::uint8_t kVersion = 1;

void write_summary(const SketchSummary& summary, ByteWriter& out) {
  std::string bytes;
  summary.encode(bytes);
  out.string(bytes);
}

std::optional<SpeedPart> read_part(ByteReader& in) {
  SpeedPart part;
  part.from = in.varint();
  part.to = in.varint();
  auto summary = SketchSummary::decode(in.string());
  if (!in.ok() || !summary || part.from > part.to) return std::nullopt;
  part.summary = std::move(*summary);
  return part;
}

}  // namespace

// --- SpeedDelta --------------------------------------------------------------------------------

void encode(const SpeedDelta& delta, std::string& to) {
  ByteWriter out(to);
  out.u8(kVersion);
  out.varint(delta.partition);
  out.signed_varint(delta.token);
  out.varint(delta.from);
  out.varint(delta.to);
  out.u8(delta.closes ? 1 : 0);
  out.signed_varint(delta.newest_append_ms);
  write_summary(delta.summary, out);
}

std::optional<SpeedDelta> decode_delta(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != kVersion) return std::nullopt;
  SpeedDelta delta;
  const std::uint64_t partition = in.varint();
  delta.token = in.signed_varint();
  delta.from = in.varint();
  delta.to = in.varint();
  const std::uint8_t closes = in.u8();
  delta.newest_append_ms = in.signed_varint();
  auto summary = SketchSummary::decode(in.string());
  if (!in.finished() || !summary || partition >= pipeline::kPartitionsMax || closes > 1 ||
      delta.from > delta.to) {
    return std::nullopt;
  }
  delta.partition = static_cast<PartitionNumber>(partition);
  delta.closes = closes == 1;
  delta.summary = std::move(*summary);
  return delta;
}

// --- SpeedParts --------------------------------------------------------------------------------

SpeedParts::SpeedParts(SummaryOptions options, Offset from) : options_(options) {
  parts_.push_back({from, from, SketchSummary(options)});
  options_ = parts_.back().summary.options();  // As a summary takes them: bounded.
}

bool SpeedParts::apply(const SpeedDelta& delta) {
  SpeedPart& open = parts_.back();
  if (delta.from != open.to || delta.to < delta.from) return false;
  if (!open.summary.merge(delta.summary)) return false;
  open.to = delta.to;
  // A mark right behind another, or at the very begin, bounds nothing new.
  if (delta.closes && open.from != open.to) {
    parts_.push_back({delta.to, delta.to, SketchSummary(options_)});
  }
  return true;
}

void SpeedParts::forget_below(Offset cut) {
  const auto kept = std::find_if(parts_.begin(), std::prev(parts_.end()),
                                 [cut](const SpeedPart& part) { return part.to > cut; });
  parts_.erase(parts_.begin(), kept);
}

Offset SpeedParts::end() const {
  return parts_.back().to;
}

std::optional<SketchSummary> SpeedParts::since(Offset cut) const {
  // What lies below the cut is all there is: the batch has come further than this layer.
  if (cut >= end()) return SketchSummary(options_);
  return between(cut, end());
}

std::optional<SketchSummary> SpeedParts::between(Offset from, Offset to) const {
  SketchSummary sum(options_);
  if (from == to) return sum;
  auto at = std::find_if(parts_.begin(), parts_.end(),
                         [from](const SpeedPart& part) { return part.from == from; });
  for (; at != parts_.end() && at->to <= to; ++at) {
    if (!sum.merge(at->summary)) return std::nullopt;
    if (at->to == to) return sum;
  }
  return std::nullopt;
}

void SpeedParts::encode(std::string& to) const {
  ByteWriter out(to);
  out.u8(kVersion);
  out.varint(parts_.size());
  for (const SpeedPart& part : parts_) {
    out.varint(part.from);
    out.varint(part.to);
    write_summary(part.summary, out);
  }
}

std::optional<SpeedParts> SpeedParts::decode(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != kVersion) return std::nullopt;
  const std::size_t count = in.count(/*bytes_each=*/3);
  SpeedParts parts;
  parts.parts_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    auto part = read_part(in);
    if (!part) return std::nullopt;
    if (i > 0 && (part->from != parts.end() ||
                  part->summary.options() != parts.parts_.front().summary.options())) {
      return std::nullopt;
    }
    parts.parts_.push_back(std::move(*part));
  }
  if (!in.finished() || parts.parts_.empty()) return std::nullopt;
  parts.options_ = parts.parts_.front().summary.options();
  return parts;
}

// --- SpeedState --------------------------------------------------------------------------------

std::string encode(const SpeedState& state) {
  std::string bytes;
  OperatorStatesWriter out(bytes);
  out.add(kDedupeOperator, [&state](std::string& to) { state.seen.encode(to); });
  out.add(kAggregateOperator, [&state](std::string& to) { state.parts.encode(to); });
  return bytes;
}

std::optional<SpeedState> decode_speed_state(std::string_view bytes) {
  const auto states = decode_operator_states(bytes);
  if (!states) return std::nullopt;
  const auto seen_at = states->find(kDedupeOperator);
  const auto parts_at = states->find(kAggregateOperator);
  if (seen_at == states->end() || parts_at == states->end()) return std::nullopt;
  auto seen = pipeline::SeenIds::decode(seen_at->second);
  auto parts = SpeedParts::decode(parts_at->second);
  if (!seen || !parts) return std::nullopt;
  return SpeedState{std::move(*parts), std::move(*seen)};
}

}  // namespace lambda_app
