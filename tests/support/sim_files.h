// A disk in memory that loses what was not synced: Files and TreeStore for tests and the simulator.
//
// Crash model (simulation-testing section 2.3). Per file, every 512-byte sector ends as any state
// it has had since the last sync of that file, independently of other sectors; the length is old,
// new or between. Per folder, every create, rename and unlink since the folder's last sync is kept
// or lost independently of the others. A sync of a file does not make its name durable. A batch of
// the tree store is atomic and durable when write() returns.
//
//   SimFiles disk(seed);
//   disk.crash_at(n);                    // the n-th change from now on throws SimCrash
//   try { worker->write(...); } catch (const SimCrash&) {}
//   worker.reset();                      // handles of before the crash must not be used any more
//   disk.crash();                        // what was not synced is now kept, lost or torn
//   worker = DiskWorker::open(disk, disk.open_tree_store(), ...);
//
// Everything follows from the seed. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "server/storage/files.h"
#include "server/storage/tree_store.h"

namespace quorate::test {

/// Thrown by the operation at which the power fails, and by every later one until crash().
struct SimCrash {};

/// What a crash does to that which was not synced.
enum class Loss {
  Seeded,  ///< Drawn from the seed: one of the three below, Mixed most often.
  Mixed,   ///< Each sector and each folder operation by itself.
  All,     ///< Nothing un-synced survives.
  None,    ///< All survives: the process died, the machine lives (kill -9).
};

enum class SimOperation {
  Open,
  Pwrite,
  Sync,
  Truncate,
  Rename,
  Remove,
  MakeDirectory,
  SyncDirectory,
  StoreWrite
};

namespace detail {
struct SimNode;
}

class SimFiles : public server::Files {
 public:
  static constexpr std::size_t kSectorBytes = 512;

  explicit SimFiles(std::uint64_t seed);
  ~SimFiles() override;

  // ---- Files ------------------------------------------------------------------------------------
  Result<std::unique_ptr<server::File>> open(const std::string& path,
                                             server::OpenMode mode) override;
  ErrorCode rename(const std::string& from, const std::string& to) override;
  ErrorCode remove(const std::string& path) override;
  ErrorCode remove_tree(const std::string& path) override;
  ErrorCode make_directories(const std::string& path) override;
  ErrorCode sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  bool exists(const std::string& path) override;

  /// Stores live in folders of this disk and share its fate. Must not outlive this object.
  server::OpenTreeStore open_tree_store();

  // ---- Crashes ----------------------------------------------------------------------------------
  /// The power fails now. All open files and stores become unusable (ENSURE when used).
  void crash(Loss loss = Loss::Seeded);
  /// The n-th changing operation from now on (1 is the next) takes effect un-synced, or not at all,
  /// and throws SimCrash. 0 switches it off.
  void crash_at(std::uint64_t n);
  /// Changing operations so far: creating open, pwrite, sync, truncate, rename, remove, make
  /// directory, sync directory, store write. Counting one run gives the range for crash_at().
  std::uint64_t operations() const { return operations_; }

  // ---- Other faults -----------------------------------------------------------------------------
  /// The n-th changing operation from now on fails with `error`; a pwrite may leave its first
  /// sectors, a sync loses what was pending (the kernel's trap). Later ones work again.
  void fail_at(std::uint64_t n, ErrorCode error);
  /// Whole size of all files; a pwrite that would go beyond fails with ENOSPC. 0: no limit.
  void set_quota(std::uint64_t bytes) { quota_ = bytes; }
  /// Failures injected so far, by fail_at() and by the quota.
  std::uint64_t failures() const { return failures_; }
  std::uint64_t quota() const { return quota_; }
  std::uint64_t bytes_used() const;  ///< Of all files; stores are not counted.
  /// Disks that lie, for planted bugs: a sync that says yes and does nothing, or hides its error.
  void ignore_directory_syncs() { ignore_directory_syncs_ = true; }
  void ignore_sync_errors() { ignore_sync_errors_ = true; }
  /// Called before each changing operation takes effect, e.g. to charge virtual time.
  std::function<void(SimOperation, const std::string& path, std::size_t bytes)> on_operation;

  // ---- Looking and tampering --------------------------------------------------------------------
  /// Content as a reader sees it now. ENSURE: the file exists.
  Bytes contents(const std::string& path) const;
  /// Replaces the content, durably, behind the back of the code under test.
  void set_contents(const std::string& path, ByteView bytes);
  void flip(const std::string& path, std::uint64_t offset, std::uint8_t mask);
  /// All files below `directory`, with full paths, sorted.
  std::vector<std::string> files_below(const std::string& directory) const;
  /// The durable map behind the store in `directory`, to be damaged or compared; nullptr when none.
  std::map<Bytes, Bytes>* store_contents(const std::string& directory);

 private:
  friend class SimFile;
  friend class SimStore;
  using NodePtr = std::shared_ptr<detail::SimNode>;

  NodePtr find(const std::string& path) const;
  NodePtr parent_of(const std::string& path, std::string& name) const;
  void link(detail::SimNode& directory, const std::string& name, NodePtr node);
  void unlink(detail::SimNode& directory, const std::string& name);
  void unlink_below(detail::SimNode& directory);
  /// Counts, and decides what becomes of this operation.
  enum class Fate { Work, Crash, Fail };
  Fate begin(SimOperation operation, const std::string& path, std::size_t bytes);
  void alive() const;
  void crash_node(detail::SimNode& node, Loss loss);
  void crash_file(detail::SimNode& node, Loss loss);

  NodePtr root_;
  Random random_;
  std::uint64_t operations_ = 0;
  std::uint64_t crash_at_ = 0;
  std::uint64_t fail_at_ = 0;
  ErrorCode fail_with_;
  std::uint64_t quota_ = 0;
  std::uint64_t failures_ = 0;
  bool ignore_directory_syncs_ = false, ignore_sync_errors_ = false;
  std::uint64_t life_ = 0;  ///< Crashes so far; a handle of an earlier life is stale.
  bool dead_ = false;       ///< SimCrash was thrown and crash() has not come yet.
};

}  // namespace quorate::test
