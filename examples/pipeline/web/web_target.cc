#include "examples/pipeline/web/web_target.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>

namespace pipeline {

namespace {

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

/// The library that will write this text into JSON refuses what is no UTF-8: so it is the judge.
bool is_text(const std::string& text) {
  const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  if (std::any_of(text.begin(), text.end(), control)) return false;
  try {
    const std::string written = nlohmann::json(text).dump();
    return !written.empty();
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

/// "+" is a space in a query only.
bool decode(std::string_view from, bool plus_is_space, std::string& to) {
  to.clear();
  for (std::size_t at = 0; at < from.size(); ++at) {
    if (from[at] == '+' && plus_is_space) {
      to += ' ';
    } else if (from[at] != '%') {
      to += from[at];
    } else {
      if (from.size() - at < 3) return false;
      const auto high = hex_digit(from[at + 1]), low = hex_digit(from[at + 2]);
      if (!high || !low) return false;
      to += static_cast<char>(*high << 4 | *low);
      at += 2;
    }
  }
  return is_text(to);
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

/// Without the port and the brackets of an address.
std::string name_in(std::string_view host) {
  if (host.starts_with('[')) return std::string(host.substr(1, host.find(']') - 1));
  return std::string(host.substr(0, host.find(':')));
}

}  // namespace

bool parse_target(std::string_view target, WebRequest& request) {
  target = target.substr(0, target.find('#'));
  const std::size_t mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  if (!path.starts_with('/') || !decode(path, /*plus_is_space=*/false, request.path)) return false;
  std::string_view rest = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  request.query.clear();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::string name, value;
    if (!decode(pair.substr(0, equals), /*plus_is_space=*/true, name)) return false;
    if (!decode(pair.substr(std::min(equals + 1, pair.size())), /*plus_is_space=*/true, value)) {
      return false;
    }
    request.query[name] = value;
  }
  return true;
}

bool same_origin(std::string_view origin, std::string_view host,
                 const std::vector<std::string>& names) {
  const std::string from = lower(origin), here = lower(host);
  if (here.empty() || (from != "http://" + here && from != "https://" + here)) return false;
  const std::string name = name_in(here);
  boost::system::error_code no_address;
  boost::asio::ip::make_address(name, no_address);
  return !no_address || name == "localhost" ||
         std::any_of(names.begin(), names.end(),
                     [&](const std::string& known) { return lower(known) == name; });
}

WebResponse web_error(int status, std::string_view text) {
  WebResponse response;
  response.status = status;
  response.body = nlohmann::json{{"error", text}}.dump(-1, ' ', false,
                                                       nlohmann::json::error_handler_t::replace) +
                  "\n";
  return response;
}

}  // namespace pipeline
