// Makes the names of LevelDB's files survive a power cut, not their bytes only.
#pragma once

#include <leveldb/env.h>

#include <functional>
#include <string>

namespace quorate::server {

/// LevelDB syncs bytes and, before a manifest, names; the rest it leaves to the journal of the file
/// system. Where that keeps names in another order, or only what was synced, the name of the log
/// with the last batch would be lost, or CURRENT name a manifest that has gone. So here:
///  - a log's name is durable before the first batch in it counts;
///  - the names of tables are durable before the manifest that lists them;
///  - CURRENT is durable before anything that it made obsolete is removed.
class DurableNamesEnv : public leveldb::EnvWrapper {
 public:
  using SyncFolder = std::function<leveldb::Status(const std::string& folder)>;
  /// `below` outlives this; `sync_folder` is called on any thread.
  DurableNamesEnv(leveldb::Env* below, SyncFolder sync_folder)
      : EnvWrapper(below), sync_folder_(std::move(sync_folder)) {}

  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** file) override;
  leveldb::Status NewAppendableFile(const std::string& name, leveldb::WritableFile** file) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;

 private:
  leveldb::Status wrap(leveldb::Status opened, const std::string& name,
                       leveldb::WritableFile** file) const;

  const SyncFolder sync_folder_;
};

}  // namespace quorate::server
