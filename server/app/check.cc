// --check: the recovery that a start would do, on a copy, so that nothing is changed.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <random>

#include "server/app/data_tools.h"
#include "server/storage/disk_worker.h"
#include "server/storage/format.h"
#include "server/storage/real/data_lock.h"
#include "server/storage/real/leveldb_tree_store.h"
#include "server/storage/real/posix_files.h"
#include "znode/op.h"

namespace quorate::server {
namespace {

namespace fs = std::filesystem;

constexpr int kUsageExit = 2;
constexpr int kInUseExit = 3;

int complain(int code, const std::string& text) {
  std::fprintf(stderr, "quorate-server: check: %s\n", text.c_str());
  return code;
}

/// A folder of its own below the system's folder for temporary files; removed with its content.
class Shadow {
 public:
  Shadow() {
    std::string name = (fs::temp_directory_path() / "quorate-check-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Shadow() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Shadow(const Shadow&) = delete;
  Shadow& operator=(const Shadow&) = delete;

  const fs::path& path() const { return path_; }

  /// LevelDB's tables never change once written: a link is enough where the file system is the
  /// same. All else is copied, because recovery may cut a torn tail.
  std::error_code take(const fs::path& from, const fs::path& to) {
    std::error_code error;
    fs::create_directories(to, error);
    for (fs::recursive_directory_iterator at(from, error), end; !error && at != end;
         at.increment(error)) {
      const fs::path target = to / fs::relative(at->path(), from, error);
      if (error) break;
      if (at->is_directory()) {
        fs::create_directories(target, error);
        continue;
      }
      std::error_code linked = std::make_error_code(std::errc::not_supported);
      if (at->path().extension() == ".ldb") fs::create_hard_link(at->path(), target, linked);
      if (linked) fs::copy_file(at->path(), target, fs::copy_options::overwrite_existing, error);
    }
    return error;
  }

 private:
  fs::path path_;
};

/// Replays what lies behind the checkpoint; how many digests were compared, and the first that
/// differs.
struct Replay {
  std::size_t records = 0, compared = 0;
  std::string wrong;
};

Replay replay(Recovered& recovered) {
  Replay done;
  for (const consensus::LogRecord& record : recovered.durable.records) {
    if (record.zxid <= recovered.durable.checkpoint) continue;
    const bool fuzzy = record.zxid <= recovered.fuzzy_until;
    auto outcome = znode::apply(recovered.tree, record.bytes.view(),
                                fuzzy ? znode::ReplayMode::Fuzzy : znode::ReplayMode::Exact);
    ++done.records;
    if (!outcome) {
      done.wrong = "log record zxid=" + to_string(record.zxid) +
                   " cannot be applied: " + outcome.error().message();
      return done;
    }
    done.compared += fuzzy ? 0 : 1;
    if (outcome->digest_mismatch && done.wrong.empty()) {
      done.wrong = "log record zxid=" + to_string(record.zxid) +
                   ": the tree's digest is not the one the leader had computed";
    }
  }
  return done;
}

int report(Recovered& recovered, const std::string& notice) {
  if (!notice.empty()) std::printf("note %s\n", notice.c_str());
  std::printf("epochs accepted=%u current=%u\n", recovered.durable.accepted_epoch,
              recovered.durable.current_epoch);
  std::printf("checkpoint zxid=%s nodes=%zu sessions=%zu digest=%s\n",
              to_string(recovered.durable.checkpoint).c_str(), recovered.tree.node_count(),
              recovered.tree.sessions().size(), hex(recovered.tree.digest()).c_str());
  const Replay done = replay(recovered);
  const Zxid last = recovered.durable.records.empty() ? recovered.durable.checkpoint
                                                      : recovered.durable.records.back().zxid;
  std::printf("log records=%zu last-zxid=%s replayed=%zu\n", recovered.durable.records.size(),
              to_string(last).c_str(), done.records);
  if (!done.wrong.empty()) return complain(kStorageExitCode, done.wrong);
  std::printf("tree nodes=%zu sessions=%zu digest=%s digests-compared=%zu\n",
              recovered.tree.node_count(), recovered.tree.sessions().size(),
              hex(recovered.tree.digest()).c_str(), done.compared);
  if (recovered.durable.blank)
    std::printf("note this server has not been synced by a leader yet\n");
  std::printf("check done: no damage found\n");
  return 0;
}

}  // namespace

int run_check(const std::vector<std::string>& directories) {
  fs::path data = directories.at(0);
  fs::path logs = directories.size() > 1 ? directories[1] : directories[0];
  if (data.filename() == format::kFolder) data = data.parent_path();
  if (logs.filename() == format::kFolder) logs = logs.parent_path();
  if (!fs::exists(data / format::kFolder)) {
    return complain(kUsageExit, (data / format::kFolder).string() +
                                    ": is not there; give the server's dataDir (and dataLogDir)");
  }
  DataLock lock;
  if (auto busy = lock.take(data.string())) return complain(kInUseExit, *busy);
  Shadow shadow;
  if (shadow.path().empty()) return complain(1, "no temporary folder can be made; set TMPDIR");
  StorageOptions options;
  options.data_dir = (shadow.path() / "data").string();
  options.data_log_dir = (shadow.path() / "logs").string();
  options.standalone = true;  // Damage is said, not worked around.
  options.nonce_seed = std::random_device{}();
  const auto copy = [&](const fs::path& from, const std::string& to) {
    return shadow.take(from / format::kFolder, fs::path(to) / format::kFolder);
  };
  std::error_code error = copy(data, options.data_dir);
  if (!error && fs::exists(logs / format::kFolder)) error = copy(logs, options.data_log_dir);
  if (error) return complain(1, "copying to " + shadow.path().string() + ": " + error.message());

  PosixFiles files;
  Recovered recovered;
  StorageFault fault;
  auto worker = DiskWorker::open(files, open_leveldb_tree_store(), options, recovered, fault);
  if (!worker) return complain(fault.exit_code, fault.what);
  return report(recovered, fault.what);
}

}  // namespace quorate::server
