#include "client-lib/src/host_list.h"

#include <charconv>

#include "quorate/errors.h"

namespace quorate::client {

namespace {

Result<std::uint16_t> parse_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || value == 0 || value > 65535) {
    return ErrorCode(ClientErrc::BadPort);
  }
  return static_cast<std::uint16_t>(value);
}

bool plausible_name(std::string_view name) {
  if (name.empty()) return false;
  for (const char c : name) {
    if (c <= ' ' || c == 0x7f || c == '[' || c == ']') return false;
  }
  return true;
}

Result<Host> parse_host(std::string_view text) {
  Host host;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return ErrorCode(ClientErrc::BadHost);
    host.name = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    // A second colon: an IPv6 address without brackets, whose port would be a guess.
    if (colon != text.rfind(':')) return ErrorCode(ClientErrc::BadHost);
    host.name = text.substr(0, colon);
    if (colon != std::string_view::npos) rest = text.substr(colon);
  }
  if (!plausible_name(host.name)) return ErrorCode(ClientErrc::BadHost);
  if (rest.empty()) return host;
  if (rest.front() != ':') return ErrorCode(ClientErrc::BadPort);
  const Result<std::uint16_t> port = parse_port(rest.substr(1));
  if (!port) return port.error();
  host.port = *port;
  return host;
}

/// "/a/b" in ZooKeeper's form; "/" not.
bool valid_elements(std::string_view path) {
  if (path.back() == '/') return false;
  std::size_t begin = 1;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view element = path.substr(begin, end - begin);
    if (element.empty() || element == "." || element == "..") return false;
    for (const char c : element) {
      if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return false;
    }
    begin = end + 1;
  }
  return true;
}

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string to_string(const Host& host) {
  const bool v6 = host.name.find(':') != std::string::npos;
  return (v6 ? "[" + host.name + "]" : host.name) + ":" + std::to_string(host.port);
}

Result<ConnectString> parse_connect_string(std::string_view text) {
  ConnectString out;
  text = trim(text);
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const std::string_view chroot = text.substr(slash);
    if (chroot != "/") {
      if (!valid_elements(chroot)) return ErrorCode(ClientErrc::BadChroot);
      out.chroot = chroot;
    }
    text = text.substr(0, slash);
  }
  if (trim(text).empty()) return ErrorCode(ClientErrc::EmptyConnectString);
  while (true) {
    const std::size_t comma = text.find(',');
    Result<Host> host = parse_host(trim(text.substr(0, comma)));
    if (!host) return host.error();
    out.hosts.push_back(std::move(*host));
    if (comma == std::string_view::npos) return out;
    text = text.substr(comma + 1);
  }
}

bool valid_path(std::string_view path, bool suffixed) {
  if (!path.starts_with('/')) return false;
  // "/a/", "/a/.": the number to come completes the last name.
  if (suffixed) return valid_elements(std::string(path) + "0");
  return path.size() == 1 || valid_elements(path);
}

std::string add_chroot(std::string_view chroot, std::string_view path) {
  if (chroot.empty()) return std::string(path);
  if (path == "/") return std::string(chroot);
  std::string out(chroot);
  out += path;
  return out;
}

std::string strip_chroot(std::string_view chroot, std::string_view path) {
  if (chroot.empty() || !path.starts_with(chroot)) return std::string(path);
  const std::string_view rest = path.substr(chroot.size());
  if (rest.empty()) return "/";
  if (rest.front() != '/') return std::string(path);  // "/app" is no prefix of "/apple".
  return std::string(rest);
}

}  // namespace quorate::client
