// Where a client connection comes from.
#pragma once

#include <cstdint>
#include <string>

#include "znode/op.h"

namespace quorate::server {

/// Where a client connection comes from, and what its transport has proved.
struct ClientOrigin {
  std::string address;     ///< IP address as text.
  std::uint16_t port = 0;  ///< The client's own port.
  bool secure = false;     ///< TLS.
  /// From the transport, e.g. x509 with the subject of the client's certificate; `ip` comes beside.
  znode::Identities proved = {};
};

}  // namespace quorate::server
