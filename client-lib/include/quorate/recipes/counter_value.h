// What counters answer. No Boost header.
#pragma once

#include <cstdint>

namespace quorate::client {

/// A counter at one moment.
struct CounterValue {
  std::int64_t value = 0;
  std::int32_t version = 0;  ///< Of the znode: grows by one with each change.
};

/// One change of an atomic counter.
struct CounterChange {
  std::int64_t before = 0;
  std::int64_t after = 0;
};

}  // namespace quorate::client
