// ZooKeeper's snapshot files (spec: storage-formats 3): read, plain or compressed, and written.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"
#include "server/storage/files.h"
#include "znode/data_tree.h"

namespace quorate::server {

/// What a snapshot holds beside the tree.
struct ZooKeeperSnapshot {
  znode::DataTree tree;  ///< As of the zxid in the file's name; fuzzy.
  /// The digest of the tree as of a zxid at or behind the file's: replay must arrive at it.
  struct Digest {
    Zxid zxid;
    std::uint64_t value = 0;
  };
  std::optional<Digest> digest;
  std::optional<Zxid> last_zxid;  ///< As the file itself says; ZooKeeper 3.9 and later.
  Zxid highest;                   ///< The greatest zxid that a node bears.
};

/// Takes the bytes of an uncompressed snapshot as they come.
class ZooKeeperSnapshotReader {
 public:
  /// `field_max`: a longer string or buffer is a fault.
  explicit ZooKeeperSnapshotReader(std::size_t field_max);
  ~ZooKeeperSnapshotReader();
  /// Both return "" or what is wrong.
  std::string add(ByteView bytes);
  /// After the last byte. `zxid`: of which the tree is; nothing: as the file says, or 0.
  std::string finish(std::optional<Zxid> zxid, ZooKeeperSnapshot& into);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Whether `path` ends as a whole snapshot does. A half-written one is passed over, not an error.
bool is_whole_zookeeper_snapshot(Files& files, const std::string& path);

/// Reads `path`; .gz and .snappy by the name. Returns "" or what is wrong, with file. Checks every
/// seal that is there.
std::string read_zookeeper_snapshot(Files& files, const std::string& path, Zxid zxid,
                                    std::size_t field_max, ZooKeeperSnapshot& into);

/// Turns a SNAP stream (znode/snapshot.h) into a snapshot file, piece by piece.
class ZooKeeperSnapshotWriter {
 public:
  ZooKeeperSnapshotWriter();

  /// The stream's next bytes; what the file gets is returned.
  Bytes add(ByteView stream);
  /// After the stream's end: seals, the tree's digest (nothing: of an unknown tree) and `zxid`.
  Bytes finish(Zxid zxid, std::optional<std::uint64_t> digest);

 private:
  void seal(Bytes& out);

  std::uint32_t adler_ = 1;
  bool begun_ = false;
  Bytes held_;  ///< The stream's last bytes: its signature does not belong into a file.
};

}  // namespace quorate::server
