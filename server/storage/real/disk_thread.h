// Port Disk on two threads: one for log, epochs and installs, one for the checkpoint.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "server/replica/ports.h"
#include "server/replica/summary.h"
#include "server/storage/disk_worker.h"
#include "server/storage/real/checkpoint_thread.h"

namespace quorate::server {

class Replica;

/// Where answers go. Called on the disk's threads; an implementation hands them on.
class DiskAnswers {
 public:
  virtual ~DiskAnswers() = default;
  virtual void on_synced(std::uint64_t write) = 0;
  virtual void on_checkpointed(Zxid zxid) = 0;
  virtual void on_checkpoint_lost() = 0;
  virtual void on_snapshot_piece(LinkId link, Zxid zxid, SharedBytes piece, bool last, bool ok) = 0;
  virtual void on_installed(LinkId link, Zxid zxid, bool ok) = 0;
};

/// Runs the function on the replica's thread, soon, in the order of the calls. Any thread.
using PostToReplica = std::function<void(std::function<void(Replica&)>)>;

/// One post per answer; on_synced is one per group, and fits into std::function without allocating.
std::unique_ptr<DiskAnswers> answer_by(PostToReplica post);

struct DiskThreadOptions {
  /// Bytes of records not yet written above which has_room() is false: the replica then takes no
  /// more requests.
  std::size_t queue_bytes_high = 32u << 20;
  /// And at which Disk::write() waits: the last line, for a learner whose disk stands still while
  /// its leader goes on. It stops reading, and the leader drops it.
  std::size_t queue_bytes_max = 256u << 20;
  std::chrono::milliseconds idle_before_stamp{100};
  std::chrono::milliseconds idle_before_rest{5000};
  /// fsync.warningthresholdms: a group that takes longer is warned of and counted.
  std::chrono::milliseconds slow_sync{1000};
  /// Whether a group may wait for the loop to be idle and be written by it
  /// (DiskThread::write_held).
  bool hold_groups = false;
  /// A disk that has lately been slower than this never makes the loop wait.
  std::chrono::microseconds inline_sync_max{1000};
  CheckpointOptions checkpoint;
};

/// How long groups took to reach the disk (write and sync), since start or reset.
struct SyncTimes {
  std::uint64_t count = 0;
  double min_ms = 0, avg_ms = 0, max_ms = 0;
  std::uint64_t slow = 0;  ///< Above the threshold; since start, never reset.
};

class DiskThread : public Disk {
 public:
  DiskThread(std::unique_ptr<DiskWorker> worker, PostToReplica post, DiskThreadOptions options = {})
      : DiskThread(std::move(worker), answer_by(std::move(post)), options) {}
  DiskThread(std::unique_ptr<DiskWorker> worker, std::unique_ptr<DiskAnswers> answers,
             DiskThreadOptions options = {});
  ~DiskThread() override;  ///< stop()

  // ---- Disk; the replica's thread ---------------------------------------------------------------
  void write(std::uint64_t first, std::vector<consensus::LogWrite> writes) override;
  void checkpoint(znode::CheckpointBatch portion) override;
  std::size_t checkpoint_backlog() const override;
  void hurry_checkpoint(double due) override;
  void read_snapshot(LinkId link) override;
  void drop_snapshot(LinkId link) override;
  void install(LinkId link, znode::CheckpointBatch portion) override;
  void drop_install(LinkId link) override;
  bool has_room() const override;

  // ---- Inline sync; the replica's thread (design.md section 4) ----------------------------------
  /// A group waits here, and the log's thread has nothing to do and nothing unanswered.
  bool holds_group() const;
  /// Writes and syncs it at once, on the caller's thread, which saves two hops to another one.
  /// Returns the write to answer, by Replica::on_synced; nothing when the log's thread got it.
  std::optional<std::uint64_t> write_held();
  /// The loop has other work: the group goes to the log's thread.
  void hand_over();

  /// Carries out all that is queued, stamps the durable point, ends the threads. Answers still come
  /// while it runs. Later calls of the port do nothing.
  void stop();
  /// As stop(), but what is queued and not begun is dropped, as a crash would.
  void abandon();

  // ---- Any thread -------------------------------------------------------------------------------
  std::size_t queued_bytes() const;
  SyncTimes sync_times() const;
  Summary sync_summary() const;  ///< The same, in microseconds, with quantiles.
  void reset_sync_times();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quorate::server
