// What a request on the client's wire asks for, in the words of fake.h.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "quorate/testing/fake.h"
#include "znode/proto/records.h"

namespace quorate::testing {

/// One request as the server sees it.
struct AskedFor {
  std::int32_t xid = 0;
  Op op = Op::Other;
  std::vector<std::string> paths;  ///< Of a transaction: those of its parts.
};

/// Bytes that are no request are Op::Other: the server has the answer.
AskedFor asked_for(ByteView frame);

}  // namespace quorate::testing
