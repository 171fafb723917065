// One request as bytes, with what is needed to send it to either server and to show it to a person.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "znode/proto/records.h"

namespace quorate::differential {

/// A zxid that both servers know under their own number: [0] the oracle's, [1] ours.
struct Mark {
  std::int64_t zxid[2] = {0, 0};
};

struct Request {
  std::int32_t xid = 0;
  std::int32_t op = 0;
  Bytes body;
  std::string what;
  std::optional<Mark> first_field;  ///< The body's first 8 bytes are this zxid.

  Bytes packet(int side) const;  ///< Header and body.
};

}  // namespace quorate::differential
