// Port Disk on two threads: one for log, epochs and installs, one for the checkpoint.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "server/replica/ports.h"
#include "server/replica/summary.h"
#include "server/storage/disk_worker.h"

namespace quorate::server {

class Replica;

/// Where answers go. Called on the disk's threads; an implementation hands them on.
class DiskAnswers {
 public:
  virtual ~DiskAnswers() = default;
  virtual void on_synced(std::uint64_t write) = 0;
  virtual void on_checkpointed(Zxid zxid) = 0;
  virtual void on_snapshot_piece(LinkId link, Zxid zxid, SharedBytes piece, bool last, bool ok) = 0;
  virtual void on_installed(LinkId link, Zxid zxid, bool ok) = 0;
};

/// Runs the function on the replica's thread, soon, in the order of the calls. Any thread.
using PostToReplica = std::function<void(std::function<void(Replica&)>)>;

/// One post per answer; on_synced is one per group, and fits into std::function without allocating.
std::unique_ptr<DiskAnswers> answer_by(PostToReplica post);

struct DiskThreadOptions {
  /// Bytes of records not yet written; at the limit Disk::write() waits. The replica's own limits
  /// (outstanding requests) are far below, so this is the last line only.
  std::size_t queue_bytes_max = 256u << 20;
  std::chrono::milliseconds idle_before_stamp{100};
};

/// How long groups took to reach the disk (write and sync), since start or reset.
struct SyncTimes {
  std::uint64_t count = 0;
  double min_ms = 0, avg_ms = 0, max_ms = 0;
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
  void checkpoint(znode::CheckpointBatch batch) override;
  void read_snapshot(LinkId link) override;
  void drop_snapshot(LinkId link) override;
  void install(LinkId link, znode::CheckpointBatch whole) override;

  /// Carries out all that is queued, stamps the durable point, ends the threads. Answers still come
  /// while it runs. Later calls of the port do nothing.
  void stop();

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
