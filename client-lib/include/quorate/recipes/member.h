// One member of a group. No Boost header.
#pragma once

#include <cstdint>
#include <string>

namespace quorate::client {

/// As it stands in the group.
struct Member {
  std::string id;              ///< As it gave it; not unique by itself.
  std::string node;            ///< Name of its znode: unique.
  std::int64_t joined_at = 0;  ///< czxid of its znode; members are listed in this order.

  bool operator==(const Member&) const = default;
};

}  // namespace quorate::client
