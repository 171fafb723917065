// ZooKeeper's error codes as a category of ErrorCode: the values are the wire's.
#pragma once

#include "base/result.h"
#include "znode/proto/code.h"

namespace quorate {

[[gnu::visibility("default")]] const boost::system::error_category& keeper_category();

inline ErrorCode make_error_code(Code code) {
  return {static_cast<int>(code), keeper_category()};
}

/// The Code behind `error`, or Code::SystemError when it is of another category.
[[gnu::visibility("default")]] Code to_code(const ErrorCode& error);

}  // namespace quorate

template <>
struct boost::system::is_error_code_enum<quorate::Code> : std::true_type {};
