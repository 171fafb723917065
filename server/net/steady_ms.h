/// Time of the loops: no clock that is set has a say in it.
#pragma once

#include <chrono>
#include <cstdint>

namespace quorate::server {

/// Milliseconds of the machine's monotonic clock.
inline std::int64_t steady_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace quorate::server
