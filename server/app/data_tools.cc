#include "server/app/data_tools.h"

#include <cstdio>
#include <deque>
#include <random>

#include "server/app/part_options.h"
#include "server/storage/backup.h"
#include "server/storage/real/data_lock.h"
#include "server/storage/real/leveldb_tree_store.h"
#include "server/storage/real/posix_files.h"

namespace quorate::server {
namespace {

constexpr int kInUseExit = 3;

std::uint64_t fresh_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

/// 0, or the exit code after a message: a running server holds them.
int hold(const char* what, const StorageOptions& options, std::deque<DataLock>& locks) {
  const auto why = lock_folders(locks, options.data_dir, options.data_log_dir);
  if (!why) return 0;
  std::fprintf(stderr, "quorate-server: %s: %s\n", what, why->c_str());
  return kInUseExit;
}

int conclude(const char* what, const std::optional<StorageFault>& fault,
             const BackupReport& report) {
  for (const std::string& line : report.lines) std::printf("%s\n", line.c_str());
  if (fault) {
    std::fprintf(stderr, "quorate-server: %s: %s\n", what, fault->what.c_str());
    return fault->exit_code;
  }
  std::printf("%s done: last-zxid=%s\n", what, to_string(report.last).c_str());
  return 0;
}

}  // namespace

int run_import(const Config& config, const std::vector<std::string>& directories) {
  PosixFiles files;
  StorageOptions target = storage_options(config);
  target.nonce_seed = fresh_seed();
  ImportSource source;
  source.data_dir = directories.at(0);
  if (directories.size() > 1) source.data_log_dir = directories[1];
  BackupReport report;
  std::deque<DataLock> locks;
  if (int code = hold("import", target, locks)) return code;
  const auto fault = import_zookeeper(files, open_leveldb_tree_store(), source, target, report);
  return conclude("import", fault, report);
}

int run_export(const Config& config, const std::string& directory) {
  PosixFiles files;
  StorageOptions source = storage_options(config);
  source.nonce_seed = fresh_seed();
  std::optional<ServerId> self;
  if (!config.ensemble.standalone) self = config.ensemble.self;
  BackupReport report;
  std::deque<DataLock> locks;
  if (int code = hold("export", source, locks)) return code;
  const auto fault =
      export_zookeeper(files, open_leveldb_tree_store(), source, directory, self, report);
  return conclude("export", fault, report);
}

}  // namespace quorate::server
