#include "shell/data_view.h"

#include <array>

#include "shell/output.h"

namespace quorate::shell {

namespace {

constexpr std::size_t kTextShownBytes = 64 * 1024;
constexpr std::size_t kHexShownBytes = 1024;
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kHex[] = "0123456789abcdef";

std::string cut_note(std::size_t shown, std::size_t size) {
  if (shown >= size) return "";
  return "... " + std::to_string(size - shown) + " of " + std::to_string(size) +
         " bytes not shown; all of them: get -a\n";
}

/// Length of the character at text[at], 0 where there is none: also for surrogates, overlong forms
/// and what is above U+10FFFF.
std::size_t utf8_size(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 && first < 0xf5   ? 4
                           : first >= 0xe0 && first < 0xf0 ? 3
                           : first >= 0xc2 && first < 0xe0 ? 2
                                                           : 0;
  if (size == 0 || at + size > text.size()) return 0;
  const unsigned char second = byte(at + 1);
  const unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = utf8_size(text, at);
    if (size == 0) return false;
    at += size;
  }
  return true;
}

bool is_text(std::string_view text) {
  return harmless(text).size() == text.size();
}

std::string to_base64(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += at + i <= bytes.size() ? kAlphabet[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  std::size_t padding = 0;
  for (std::size_t at = 0; at < text.size(); at += 4) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const char c = text[at + i];
      const std::size_t digit = kAlphabet.find(c);
      const bool pad = c == '=' && at + 4 == text.size() && i >= 2;
      if ((digit == std::string_view::npos && !pad) || (!pad && padding > 0)) return std::nullopt;
      padding += pad ? 1 : 0;
      group = group << 6 | (pad ? 0u : static_cast<std::uint32_t>(digit));
    }
    out +=
        {static_cast<char>(group >> 16), static_cast<char>(group >> 8), static_cast<char>(group)};
  }
  out.resize(out.size() - padding);
  return out;
}

std::string hex_dump(std::string_view bytes) {
  const std::string ruler = "+-------------------------------------------------+";
  std::string out =
      "         " + ruler + "\n         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n";
  const std::string frame = "+--------" + ruler + "----------------+";
  out += frame;
  for (std::size_t row = 0; row < bytes.size(); row += 16) {
    std::string hex;
    std::string text;
    for (std::size_t at = row; at < row + 16; ++at) {
      if (at >= bytes.size()) {
        hex += "   ";
        text += ' ';
        continue;
      }
      const auto byte = static_cast<unsigned char>(bytes[at]);
      hex += {' ', kHex[byte >> 4], kHex[byte & 15]};
      text += byte > 0x1f && byte < 0x7f ? static_cast<char>(byte) : '.';
    }
    std::string offset;
    for (int shift = 28; shift >= 0; shift -= 4) offset += kHex[row >> shift & 15];
    out += "\n|" + offset + "|" + hex + " |" + text + "|";
  }
  return out + "\n" + frame + "\n";
}

std::string data_for_people(const client::Buffer& data) {
  if (!data) return "null\n";
  if (data->size() < kTextShownBytes && (data->starts_with('{') || data->starts_with('['))) {
    const Json json = Json::parse(*data, nullptr, /*allow_exceptions=*/false);
    if (!json.is_discarded()) return json.dump(2) + "\n";
  }
  if (is_text(*data)) {
    std::size_t cut = std::min(data->size(), kTextShownBytes);
    // Not through the middle of a character.
    while (cut < data->size() && cut > 0 && ((*data)[cut] & 0xc0) == 0x80) --cut;
    return data->substr(0, cut) + "\n" + cut_note(cut, data->size());
  }
  return hex_dump(std::string_view(*data).substr(0, kHexShownBytes)) +
         cut_note(kHexShownBytes, data->size());
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && c != '"' && c != '\\') {
      out += c;
      continue;
    }
    static constexpr std::string_view kShort = "\bb\ff\nn\rr\tt\"\"\\\\";
    std::size_t at = 0;
    while (at < kShort.size() && kShort[at] != c) at += 2;
    out += '\\';
    if (at < kShort.size()) {
      out += kShort[at + 1];
    } else {
      out += {'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  out += '"';
}

void put_data(Json& object, const client::Buffer& data) {
  if (!data) {
    object["data"] = nullptr;
  } else if (is_utf8(*data)) {
    object["data"] = *data;
  } else {
    object["data"] = to_base64(*data);
    object["encoding"] = "base64";
  }
}

std::optional<client::Buffer> take_data(const Json& object) {
  const auto data = object.find("data");
  if (data == object.end() || data->is_null()) return client::Buffer();
  if (!data->is_string()) return std::nullopt;
  const auto encoding = object.find("encoding");
  if (encoding == object.end()) return client::Buffer(data->get<std::string>());
  if (*encoding != "base64") return std::nullopt;
  std::optional<std::string> bytes = from_base64(data->get<std::string>());
  if (!bytes) return std::nullopt;
  return client::Buffer(std::move(*bytes));
}

}  // namespace quorate::shell
