// A tree as bytes: the SNAP stream between servers, and the entries of our own checkpoint.
#pragma once

#include <cstdint>
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
// "m"             -> meta: format version, zxid, digest, node count, session count, fuzzy_until
// "a" + key (be)  -> ACL list
// "b" + zxid (be) -> zxid of the checkpoint before that one; of the last 16 written to this store
// "s" + id (be)   -> session timeout
// "n" + path      -> data, ACL key, StoredStat   (root: "n"); keys sort parents before children

struct CheckpointEntry {
  Bytes key;
  std::optional<Bytes> value;  ///< Nothing: delete the key.
};

/// Entries that put a value, one behind the other in one buffer: no allocation for each.
class EntryPack {
 public:
  /// The key is `kind`, then `rest`.
  void add(char kind, std::string_view rest, ByteView value);
  bool empty() const { return bytes_.empty(); }
  std::size_t count() const { return count_; }
  std::size_t bytes() const { return bytes_.size(); }
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  /// visit(key, value), in the order in which they came.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (ByteView left(bytes_); !left.empty();) {
      const std::size_t key = load_be<std::uint32_t>(left.data());
      const std::size_t value = load_be<std::uint32_t>(left.data() + 4);
      visit(left.subspan(kHeadBytes, key), left.subspan(kHeadBytes + key, value));
      left = left.subspan(kHeadBytes + key + value);
    }
  }

 private:
  static constexpr std::size_t kHeadBytes = 8;  ///< Lengths of key and value.
  Bytes bytes_;
  std::size_t count_ = 0;
};

/// A portion of a checkpoint, or one whole. All portions together are one atomic batch: applied to
/// the checkpoint before it (to nothing, when `from_scratch`), they make the checkpoint as of
/// `zxid`.
struct CheckpointBatch {
  Zxid zxid;
  std::vector<CheckpointEntry> entries;
  EntryPack pack;  ///< More of them, of a tree that is written while it arrives.
  std::size_t bytes = 0;
  bool begins = true;         ///< The first portion; one that was not ended is void then.
  bool ends = true;           ///< The last portion.
  bool from_scratch = false;  ///< Holds the whole tree, for a new store.
};

/// How much is encoded at once. The first portion holds the meta entry, too.
struct PortionLimit {
  std::size_t bytes = SIZE_MAX;
  std::size_t nodes = SIZE_MAX;
};

/// The tree counts as of `zxid` from now on; for one that takes the place of another. ENSURE: no
/// checkpoint is under way.
void restate(DataTree& tree, Zxid zxid);

/// Begins a checkpoint as of now of all that has changed since the last one began; `from_scratch`:
/// of everything. `fuzzy_until` is kept in the meta entry. It is exact as of this moment, however
/// the tree changes before its last portion. ENSURE: none is under way.
void begin_checkpoint(DataTree& tree, Zxid fuzzy_until, bool from_scratch = false);
/// The same from scratch, of a tree of which SnapStreamReader has packed what is not dirty: what
/// these packs lack.
void begin_rest_of_checkpoint(DataTree& tree, Zxid fuzzy_until);
bool checkpoint_under_way(const DataTree& tree);
/// ENSURE: one is under way. Entries come in no order, each key once.
CheckpointBatch next_portion(DataTree& tree, const PortionLimit& limit);

/// Ends one under way, unfinished, if there is any: the next one must be from scratch.
void abandon_checkpoint(DataTree& tree);

/// A checkpoint in one go, its entries in key order.
CheckpointBatch encode_checkpoint(DataTree& tree, Zxid fuzzy_until);

/// Loads a tree from checkpoint entries fed in key order.
class CheckpointLoader {
 public:
  explicit CheckpointLoader(DataTree& tree);
  ~CheckpointLoader();
  /// Error: MarshallingError for an entry that does not decode.
  ErrorCode add(ByteView key, ByteView value);
  /// Error: MarshallingError when meta is missing, its counts or digest do not match the content,
  /// or a checkpoint before the last one has not left its mark.
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
  /// So many bytes are about to be made.
  void reserve(std::size_t bytes);
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

  // ---- A checkpoint of the tree that is written while it arrives --------------------------------
  /// True: from now on nodes are also put into a pack, and are not dirty then in the tree to come;
  /// false: they are, as all are before the first call.
  void pack_nodes(bool on);
  bool packs() const;  ///< pack_nodes(true) has been called.
  const EntryPack& pack() const;
  EntryPack take_pack();

  /// The greatest zxid that a node of the stream so far bears.
  Zxid highest() const;
  /// After done(): the tree, exact or fuzzy as the sender is, as of `zxid`. Dirty is what is in no
  /// pack.
  Result<DataTree> take(Zxid zxid);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quorate::znode
