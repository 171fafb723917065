// What a power cut may do to LevelDB's manifest, and LevelDB itself does not mend.
#pragma once

#include <leveldb/env.h>

#include <string>

namespace quorate::server {

/// The last record of a manifest is being written when the power fails: its sectors may land in any
/// order, and LevelDB takes a record whose checksum is wrong for damage wherever it stands. Cut
/// off, the store is what it was before that record. Whether it was more than a torn one only the
/// reader of the store can tell.
class ManifestTail {
 public:
  ManifestTail(leveldb::Env* env, std::string directory)
      : env_(env), directory_(std::move(directory)) {}

  /// Cuts the last record off the manifest that CURRENT names. False: there is none, or it is all
  /// that there is, or a file cannot be read or written.
  bool cut();
  /// Puts back what cut() has found.
  void restore();

 private:
  bool replace(const std::string& content);

  leveldb::Env* env_;
  std::string directory_;
  std::string manifest_;  ///< Path.
  std::string before_;
};

/// Where the last record of a file in LevelDB's log format begins; 0 when it has one at most.
std::size_t last_record_of(const std::string& content);

}  // namespace quorate::server
