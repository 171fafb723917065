#include "examples/kappa/view_state.h"

#include "examples/pipeline/byte_codec.h"

namespace kappa_app {

using pipeline::ByteReader;
using pipeline::ByteWriter;
using pipeline::SeenIds;
using pipeline::Summary;

namespace {
constexpr std::uint8_t kVersion = 1;
}  // namespace

std::string encode(const Summary& summary, const SeenIds& seen) {
  std::string bytes;
  std::string part;
  ByteWriter out(bytes);
  out.u8(kVersion);
  summary.encode(part);
  out.string(part);
  part.clear();
  seen.encode(part);
  out.string(part);
  return bytes;
}

std::optional<ViewState> decode_view_state(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != kVersion) return std::nullopt;
  auto summary = Summary::decode(in.string());
  auto seen = SeenIds::decode(in.string());
  if (!in.finished() || !summary || !seen) return std::nullopt;
  return ViewState{std::move(*summary), std::move(*seen)};
}

std::optional<Summary> decode_view_summary(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != kVersion) return std::nullopt;
  auto summary = Summary::decode(in.string());
  in.string();
  return in.finished() ? std::move(summary) : std::nullopt;
}

void encode(const ViewDelta& delta, std::string& to) {
  ByteWriter out(to);
  out.u8(kVersion);
  out.varint(delta.from);
  out.varint(delta.to);
  out.signed_varint(delta.token);
  out.signed_varint(delta.oldest_append_ms);
  std::string part;
  delta.summary.encode(part);
  out.string(part);
}

std::optional<ViewDelta> decode_delta(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != kVersion) return std::nullopt;
  ViewDelta delta;
  delta.from = in.varint();
  delta.to = in.varint();
  delta.token = in.signed_varint();
  delta.oldest_append_ms = in.signed_varint();
  auto summary = Summary::decode(in.string());
  if (!in.finished() || !summary || delta.from >= delta.to) return std::nullopt;
  delta.summary = std::move(*summary);
  return delta;
}

std::optional<Offset> end_of_delta(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != kVersion) return std::nullopt;
  in.varint();
  const Offset end = in.varint();
  return in.ok() ? std::optional(end) : std::nullopt;
}

}  // namespace kappa_app
