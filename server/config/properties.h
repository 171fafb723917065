// Java's properties syntax, in which zoo.cfg is written.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace quorate::server {

struct Property {
  std::string key;    ///< Trimmed, escapes resolved.
  std::string value;  ///< The same.
  int line = 0;       ///< Where it begins.
};

/// All properties in file order, repeats included. Nothing is an error in this syntax: a line
/// without a separator is a key with an empty value.
std::vector<Property> parse_properties(std::string_view text);

}  // namespace quorate::server
