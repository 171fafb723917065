// What caches know of a znode. No Boost header.
#pragma once

#include <string>

#include "quorate/types.h"

namespace quorate::client {

/// Data and Stat of one moment. With `exists` false there was no such node; the rest is empty then.
struct CachedNode {
  bool exists = false;
  std::string data;
  Stat stat;
};

/// One change that a tree cache has seen.
struct TreeEvent {
  /// What has happened.
  enum class Type {
    Added,    ///< `node` is new.
    Changed,  ///< Its data is.
    Removed,  ///< `node` is what it was.
    Loaded,   ///< The whole tree has been read, at first and after each reconnect. No path.
  };
  Type type = Type::Loaded;
  std::string path;
  CachedNode node;
};

}  // namespace quorate::client
