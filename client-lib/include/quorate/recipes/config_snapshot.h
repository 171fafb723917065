// One version of a pushed configuration. No Boost header.
#pragma once

#include <cstdint>
#include <string>

namespace quorate::client {

/// What was in force, or was offered, at one moment.
struct ConfigSnapshot {
  std::int32_t version = -1;  ///< Of the znode.
  std::int64_t zxid = 0;      ///< Of the change: grows, also when the znode is made anew.
  std::string text;
};

}  // namespace quorate::client
