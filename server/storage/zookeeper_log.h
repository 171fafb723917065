// ZooKeeper's transaction log files: read with every check there is, and written (spec:
// storage-formats 2).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "consensus/input.h"
#include "server/storage/files.h"

namespace quorate::server {

/// What the files hold.
struct ZooKeeperLogSummary {
  std::size_t files = 0;
  std::size_t records = 0;   ///< Handed to the visitor.
  std::size_t repeated = 0;  ///< Left out: they stood there before.
  Zxid first, last;          ///< Of those; zero when there are none.
  std::string torn;          ///< Not empty: where the last file ends in the middle of a record.
};

/// Reads `log.<zxid>` files of `directory` in order and visits all records behind `after`. `visit`
/// returns what is wrong with a record, or "".
/// Returns "" or what is wrong, with file and offset: a checksum that does not match before the end
/// of the last file, two records of one zxid, a hole in an epoch's counters, records missing right
/// behind `after`. Only the very end of the last file may be torn.
std::string read_zookeeper_log(Files& files, const std::string& directory, Zxid after,
                               std::size_t record_max,
                               const std::function<std::string(consensus::LogRecord)>& visit,
                               ZooKeeperLogSummary& summary);

/// The names log.<hex> or snapshot.<hex> (`prefix` with its dot) of `directory`, by rising zxid.
struct ZooKeeperFile {
  std::string name;
  Zxid zxid;
};
std::vector<ZooKeeperFile> list_zookeeper_files(Files& files, const std::string& directory,
                                                std::string_view prefix);

/// A log file as ZooKeeper writes it, without padding.
class ZooKeeperLogWriter {
 public:
  ZooKeeperLogWriter();
  void add(ByteView txn);
  /// Made so far; may be called between add() calls to bound memory.
  Bytes take();

 private:
  Bytes out_;
};

}  // namespace quorate::server
