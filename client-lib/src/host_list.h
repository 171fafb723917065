// Connect strings and chroots.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace quorate::client {

struct Host {
  std::string name;  ///< DNS name, IPv4, or IPv6 without brackets.
  std::uint16_t port = 2181;

  friend bool operator==(const Host&, const Host&) = default;
};

inline bool holds(const std::vector<Host>& hosts, const Host& host) {
  return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
}

/// "name:port", "[v6]:port".
std::string to_string(const Host& host);

struct ConnectString {
  std::vector<Host> hosts;
  std::string chroot;  ///< "" or "/a/b".
};

/// Parses "host[:port][,host[:port]...][/chroot]"; IPv6 addresses stand in brackets; "/" alone as
/// chroot means none.
/// Errors: EmptyConnectString, BadHost, BadPort, BadChroot.
Result<ConnectString> parse_connect_string(std::string_view text);

/// Whether `path` can name a node (ZooKeeper's rules). `suffixed`: the server adds a sequence
/// number, so the last element may be empty.
bool valid_path(std::string_view path, bool suffixed = false);

/// The path as the server names it.
std::string add_chroot(std::string_view chroot, std::string_view path);

/// The path as the client names it; a path outside of the chroot is returned as it is.
std::string strip_chroot(std::string_view chroot, std::string_view path);

}  // namespace quorate::client
