// How a Result looks in a failed check: its fault's own words.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include "examples/pipeline/result.h"

namespace doctest {

template <class T, class E>
struct StringMaker<boost::system::result<T, E>> {
  static String convert(const boost::system::result<T, E>& result) {
    if (result.has_value()) return "a value";
    if constexpr (std::is_same_v<E, pipeline::Fault>) {
      const pipeline::Fault fault = result.error();
      return (std::string(pipeline::name_of(fault.kind)) + ": " + fault.message).c_str();
    }
    return "a fault";
  }
};

}  // namespace doctest
