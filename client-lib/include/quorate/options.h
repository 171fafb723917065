// How to connect and how to create. Constructors instead of aggregates: g++ 12 destroys a braced
// aggregate twice when it stands in a co_await expression. No Boost header.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "quorate/types.h"

namespace quorate::client {

/// Connection, session and queue limits of one Client.
struct ConnectOptions {
  ConnectOptions() {}
  /// "host:port,host:port/chroot"; IPv6 addresses in brackets; port 2181 where none is given.
  ConnectOptions(std::string connect_string) : servers(std::move(connect_string)) {}
  ConnectOptions(const char* connect_string) : servers(connect_string) {}

  std::string servers = "127.0.0.1:2181";
  /// Wanted; the server clamps it (2 to 20 ticks). The negotiated value is in SessionEvent.
  std::chrono::milliseconds session_timeout{30'000};
  /// How long async_connect tries all hosts before it gives up with NoServer; 0 means for ever.
  std::chrono::milliseconds connect_timeout{0};
  /// Default limit of one operation, from the call to its reply; 0 means none.
  std::chrono::milliseconds operation_timeout{30'000};
  /// Requests waiting or in flight; one more is refused with QueueFull.
  std::size_t pending_max = 100'000;
  /// Their bytes, encoded.
  std::size_t pending_bytes_max = 64u << 20;
  /// jute.maxbuffer of the servers: larger requests are refused before they are sent.
  std::int32_t request_bytes_max = kDefaultMaxBuffer;
  /// Longest reply accepted; larger than the servers' limit, because a reply has none there.
  std::int32_t reply_bytes_max = 64 << 20;
  /// Decides the order of hosts and the jitter; 0 draws one.
  std::uint64_t seed = 0;
};

/// Kind of node and who may do what with it.
struct CreateOptions {
  CreateOptions() : acl(open_acl()) {}
  CreateOptions(CreateMode create_mode) : mode(create_mode), acl(open_acl()) {}
  CreateOptions(CreateMode create_mode, AclList acl_list)
      : mode(create_mode), acl(std::move(acl_list)) {}

  CreateMode mode = CreateMode::Persistent;
  AclList acl;
};

}  // namespace quorate::client
