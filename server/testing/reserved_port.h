// A port on the loopback that stays this object's while nobody listens on it.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace quorate::testing {

/// A bound socket that never listens. A server can listen on the port beside it; meanwhile the
/// system gives it to nobody as the port of an outgoing connection, above all not to a client that
/// tries to reach the server: it would be connected with itself.
class ReservedPort {
 public:
  ReservedPort() = default;
  ~ReservedPort();
  ReservedPort(const ReservedPort&) = delete;
  ReservedPort& operator=(const ReservedPort&) = delete;

  /// 0: one that is free.
  ErrorCode take(std::uint16_t port);
  std::uint16_t port() const { return port_; }

 private:
  int socket_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace quorate::testing
