#include "znode/path.h"

#include <array>
#include <cstdio>

#include "base/ensure.h"

namespace quorate::znode {
namespace {

constexpr std::array<std::string_view, 4> kReserved = {"/", "/zookeeper", "/zookeeper/quota",
                                                       "/zookeeper/config"};

bool is_forbidden(std::uint32_t code_point) {
  return code_point <= 0x1f || (code_point >= 0x7f && code_point <= 0x9f) ||
         (code_point >= 0xd800 && code_point <= 0xf8ff) || code_point >= 0xfff0;
}

/// The code point at the front of valid UTF-8, which is moved past. Bytes that are no UTF-8 give
/// a forbidden value.
std::uint32_t next_code_point(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (length > text.size()) {
    text = {};
    return 0;
  }
  std::uint32_t value = length == 1 ? lead : lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    value = (value << 6) | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  text.remove_prefix(length);
  return value;
}

/// Nearly every path is of these characters only, which needs no look at each by itself.
bool is_plain(std::string_view path) {
  bool plain = true;
  for (const char c : path) plain &= c >= 0x20 && c <= 0x7e;
  return plain;
}

bool characters_allowed(std::string_view path) {
  if (is_plain(path)) return true;
  while (!path.empty()) {
    if (is_forbidden(next_code_point(path))) return false;
  }
  return true;
}

bool is_valid_element(std::string_view element) {
  return !element.empty() && element != "." && element != "..";
}

}  // namespace

bool is_valid_path(std::string_view path) {
  if (path.empty() || path.front() != '/') return false;
  if (path.size() == 1) return true;
  std::string_view rest = path.substr(1);
  while (true) {
    const std::size_t slash = rest.find('/');
    if (!is_valid_element(rest.substr(0, slash))) return false;
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  return characters_allowed(path);
}

bool has_path_form(std::string_view path) {
  return path.find('/') != std::string_view::npos && path.find('\0') == std::string_view::npos;
}

bool is_reserved_path(std::string_view path) {
  for (std::string_view reserved : kReserved) {
    if (path == reserved) return true;
  }
  return false;
}

std::string_view parent_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  ENSURE(slash != std::string_view::npos);
  return path.substr(0, slash);
}

std::string_view last_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  ENSURE(slash != std::string_view::npos);
  return path.substr(slash + 1);
}

std::string with_sequence(std::string_view path, std::int32_t count) {
  char suffix[16];
  const int length = std::snprintf(suffix, sizeof suffix, "%010d", count);
  std::string whole(path);
  whole.append(suffix, static_cast<std::size_t>(length));
  return whole;
}

}  // namespace quorate::znode
