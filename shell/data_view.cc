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

}  // namespace

bool is_utf8(std::string_view text) {
  const std::string shown = harmless(text);
  if (shown.size() == text.size()) return true;
  // Something was replaced: control characters below 0x20, 0x7f and C1 are UTF-8 all the same.
  try {
    (void)Json(std::string(text)).dump();
    return true;
  } catch (const Json::exception&) {
    return false;
  }
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
