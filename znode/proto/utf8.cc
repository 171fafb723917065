#include "znode/proto/utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace quorate {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Sequence {
  std::size_t length;  ///< Bytes to take, at least 1.
  bool valid;
};

/// What the byte after `lead` may be: rules out overlong forms and values above U+10FFFF.
/// Surrogates pass here; they are refused as a whole.
bool second_fits(std::uint8_t lead, std::uint8_t second) {
  if ((second & 0xc0) != 0x80) return false;
  if (lead == 0xe0) return second >= 0xa0;
  if (lead == 0xf0) return second >= 0x90;
  if (lead == 0xf4) return second <= 0x8f;
  return true;
}

std::size_t length_by_lead(std::uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 0;
}

Sequence next_sequence(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  const std::size_t length = length_by_lead(lead);
  if (length == 0) return {1, false};
  for (std::size_t i = 1; i < length; ++i) {
    const bool fits =
        i < text.size() && (i == 1 ? second_fits(lead, byte(1)) : (byte(i) & 0xc0) == 0x80);
    if (!fits) return {i, false};
  }
  const bool surrogate = lead == 0xed && byte(1) >= 0xa0;
  return {length, !surrogate};
}

}  // namespace

bool is_ascii(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  std::uint64_t seen = 0;
  for (; text.size() >= sizeof seen; text.remove_prefix(sizeof seen)) {
    std::uint64_t word;
    std::memcpy(&word, text.data(), sizeof word);
    seen |= word;
  }
  for (const char c : text) seen |= static_cast<unsigned char>(c);
  return (seen & kHighBits) == 0;
}

std::string valid_utf8(std::string_view raw) {
  std::string text;
  text.reserve(raw.size());
  while (!raw.empty()) {
    const Sequence sequence = next_sequence(raw);
    text += sequence.valid ? raw.substr(0, sequence.length) : kReplacement;
    raw.remove_prefix(sequence.length);
  }
  return text;
}

}  // namespace quorate
