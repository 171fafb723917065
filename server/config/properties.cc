#include "server/config/properties.h"

#include <cstdint>

namespace quorate::server {
namespace {

bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\f';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (blank(text.front()) || text.front() == '\r')) text.remove_prefix(1);
  while (!text.empty() && (blank(text.back()) || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

/// A line that ends in an odd number of backslashes goes on in the next.
bool continues(std::string_view line) {
  std::size_t slashes = 0;
  while (slashes < line.size() && line[line.size() - 1 - slashes] == '\\') ++slashes;
  return slashes % 2 == 1;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

void append_utf8(std::string& to, std::uint32_t c) {
  if (c < 0x80) {
    to += static_cast<char>(c);
  } else if (c < 0x800) {
    to += static_cast<char>(0xc0 | (c >> 6));
    to += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    to += static_cast<char>(0xe0 | (c >> 12));
    to += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    to += static_cast<char>(0x80 | (c & 0x3f));
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    if (c == 'u' && i + 4 < text.size()) {
      std::uint32_t value = 0;
      bool good = true;
      for (std::size_t k = 1; k <= 4; ++k) {
        const int digit = hex_digit(text[i + k]);
        good = good && digit >= 0;
        value = value * 16 + static_cast<std::uint32_t>(digit < 0 ? 0 : digit);
      }
      if (good) {
        append_utf8(out, value);
        i += 4;
        continue;
      }
    }
    out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'f' ? '\f' : c;
  }
  return out;
}

Property split(std::string_view line, int number) {
  std::size_t end = 0;
  while (end < line.size() && line[end] != '=' && line[end] != ':' && !blank(line[end])) {
    end += line[end] == '\\' ? 2 : 1;
  }
  end = std::min(end, line.size());
  std::string_view value = line.substr(end);
  while (!value.empty() && blank(value.front())) value.remove_prefix(1);
  if (!value.empty() && (value.front() == '=' || value.front() == ':')) value.remove_prefix(1);
  return {unescape(line.substr(0, end)), unescape(trim(value)), number};
}

}  // namespace

std::vector<Property> parse_properties(std::string_view text) {
  std::vector<Property> properties;
  int number = 0;
  while (!text.empty()) {
    const int first = ++number;
    std::string_view part = trim(take_line(text));
    if (part.empty() || part.front() == '#' || part.front() == '!') continue;
    std::string line;
    while (continues(part)) {
      line += part.substr(0, part.size() - 1);
      if (text.empty()) {
        part = {};
        break;
      }
      part = trim(take_line(text));
      ++number;
    }
    line += part;
    properties.push_back(split(line, first));
  }
  return properties;
}

}  // namespace quorate::server
