// A tree as bytes: the SNAP stream between servers, and the entries of our own checkpoint.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "znode/data_tree.h"

namespace quorate::znode {

// ---- Checkpoint entries: keys and values of the key-value store (docs/formats.md) --------------
//
// "m"            -> meta: format version, zxid, digest, node count, session count, fuzzy_until
// "a" + key (be) -> ACL list
// "s" + id (be)  -> session timeout
// "n" + path     -> data, ACL key, StoredStat   (root: "n"); keys sort parents before children

struct CheckpointEntry {
  Bytes key;
  std::optional<Bytes> value;  ///< Nothing: delete the key.
};

/// One atomic batch: applied to the checkpoint before it, it makes the checkpoint as of `zxid`.
struct CheckpointBatch {
  Zxid zxid;
  std::vector<CheckpointEntry> entries;
  std::size_t bytes = 0;
};

/// Everything that changed in `tree` since the last call (all of it after mark_all_dirty()).
/// Sessions and ACL lists are written when changed too; `fuzzy_until` is kept in the meta entry.
CheckpointBatch encode_checkpoint(DataTree& tree, Zxid fuzzy_until);

/// Loads a tree from checkpoint entries fed in key order.
class CheckpointLoader {
 public:
  explicit CheckpointLoader(DataTree& tree);
  ~CheckpointLoader();
  /// Error: MarshallingError for an entry that does not decode.
  ErrorCode add(ByteView key, ByteView value);
  /// Error: MarshallingError when meta is missing or its counts or digest do not match the content.
  ErrorCode finish();
  Zxid zxid() const;
  Zxid fuzzy_until() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ---- SNAP stream: sessions, ACL table, nodes, "/", "BenWasHere" ---------------------------------

/// Turns checkpoint entries, fed in key order ("a", "m", "n", "s"), into the SNAP stream. Sessions
/// come first on the wire but last in key order, so the caller feeds all "s" and "a" entries first
/// (CheckpointStore reads the ranges in the order s, a, n).
class SnapStreamWriter {
 public:
  SnapStreamWriter();
  ~SnapStreamWriter();
  ErrorCode add(ByteView key, ByteView value);
  void finish();
  /// Takes the bytes made so far; may be called between add() calls to bound memory.
  Bytes take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Where a stream ends: on the wire behind its signature, in a snapshot file behind the tree.
enum class SnapStreamEnd { Signature, Tree };

/// Parses the stream incrementally into a fresh tree. The stream has no length.
class SnapStreamReader {
 public:
  /// `max_field`: jute.maxbuffer plus extra size; a longer string or buffer is a fault.
  explicit SnapStreamReader(std::size_t max_field = 2 * std::size_t{kDefaultMaxBuffer},
                            SnapStreamEnd end = SnapStreamEnd::Signature);
  ~SnapStreamReader();
  /// Consumes from the front of `input` (advancing it) until it is empty or the stream has ended.
  /// Error: MarshallingError when the bytes cannot be a snapshot.
  ErrorCode feed(ByteView& input);
  bool done() const;
  /// After done(): the tree, exact or fuzzy as the sender is, as of `zxid`.
  Result<DataTree> take(Zxid zxid);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quorate::znode
