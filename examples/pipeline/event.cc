#include "examples/pipeline/event.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "examples/pipeline/byte_codec.h"

namespace pipeline {

namespace {
constexpr std::uint8_t kVersion = 1;
}  // namespace

void encode(const EventView& event, std::string& to) {
  ByteWriter out(to);
  out.u8(kVersion);
  out.fixed64(event.id);
  out.signed_varint(event.time_ms);
  out.varint(event.status);
  out.varint(event.bytes);
  out.string(event.visitor);
  out.string(event.path);
  out.string(event.referrer);
  out.string(event.agent);
}

std::optional<EventView> decode_event(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != kVersion) return std::nullopt;
  EventView event;
  event.id = in.fixed64();
  event.time_ms = in.signed_varint();
  const std::uint64_t status = in.varint();
  event.bytes = in.varint();
  event.visitor = in.string();
  event.path = in.string();
  event.referrer = in.string();
  event.agent = in.string();
  if (!in.finished() || status > 999 || event.visitor.empty() || event.path.empty() ||
      event.time_ms < -kTimeMsMax || event.time_ms > kTimeMsMax) {
    return std::nullopt;
  }
  event.status = static_cast<std::uint16_t>(status);
  return event;
}

EventId id_of_position(std::string_view source, std::uint64_t offset) {
  return XXH3_64bits_withSeed(source.data(), source.size(), offset);
}

EventId id_of_content(std::string_view content) {
  return XXH3_64bits(content.data(), content.size());
}

std::uint64_t visitor_hash(std::string_view visitor) {
  return XXH3_64bits(visitor.data(), visitor.size());
}

std::string_view page_of(std::string_view path) {
  return path.substr(0, path.find_first_of("?#"));
}

std::string_view prefix_of(std::string_view page, unsigned depth) {
  if (page.empty() || page.front() != '/') return "/";
  std::size_t end = 1;
  for (; depth > 0; --depth) {
    const std::size_t slash = page.find('/', end);
    if (slash == std::string_view::npos) break;
    end = slash + 1;
  }
  return page.substr(0, end);
}

}  // namespace pipeline
