// One currency for errors an ordinary caller must expect; see docs/decisions/0003-errors.md.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace quorate {

/// An error as sockets, files, completion tokens and our own categories speak it. Allocates
/// nothing.
using ErrorCode = boost::system::error_code;

/// A value or the ErrorCode that explains its absence.
template <class T>
class [[nodiscard]] Result : public boost::system::result<T> {
 public:
  using boost::system::result<T>::result;
};

}  // namespace quorate
