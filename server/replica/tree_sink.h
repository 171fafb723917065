// Who wants a copy of the whole tree, other than a learner.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"

namespace quorate::server {

/// What a copy was of.
struct TreeCopied {
  bool ok = false;
  Zxid zxid;
  std::optional<std::uint64_t> digest;  ///< Nothing: not known.
};

/// Gets the SNAP stream of one checkpoint, piece by piece (Replica::copy_tree). Called on the
/// replica's thread, and must not call back.
class TreeSink {
 public:
  virtual ~TreeSink() = default;
  virtual void add(SharedBytes piece) = 0;
  /// Last call, always, unless abandoned() or the server stops.
  virtual void end(const TreeCopied& copied) = 0;
  /// False: no further piece is read from disk for now.
  virtual bool has_room() const = 0;
  /// Nobody waits for the copy any more.
  virtual bool abandoned() const = 0;
};

}  // namespace quorate::server
