// The thread of the checkpoint: writes it, reads it for learners, scrubs and archives it. Part of
// DiskThread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

#include "server/storage/disk_worker.h"
#include "znode/snapshot.h"

namespace quorate::server {

class DiskAnswers;

struct CheckpointOptions {
  /// The checkpoint is read to its end so often, to find damage in time; 0: never.
  std::chrono::seconds scrub_interval{std::chrono::hours(24)};
  /// A second generation is kept, and renewed so often; 0: none is kept.
  std::chrono::seconds archive_interval{0};
  /// And when so many bytes of records have been written since.
  std::uint64_t archive_log_bytes = 1u << 30;
  std::uint64_t scrub_bytes_per_second = 8u << 20;
  /// After a failed write, doubled with each further one up to 30 times that.
  std::chrono::milliseconds retry{2000};
};

class CheckpointThread {
 public:
  /// `purge`: the log may forget what lies before this checkpoint. Called on this thread, which
  /// holds store_mutex() meanwhile.
  using Purge = std::function<void(Zxid checkpoint)>;
  CheckpointThread(DiskWorker& worker, DiskAnswers& answers, CheckpointOptions options,
                   Purge purge);
  ~CheckpointThread();  ///< stop()

  // ---- The replica's thread ---------------------------------------------------------------------
  void checkpoint(znode::CheckpointBatch portion);
  void read_snapshot(LinkId link);
  void drop_snapshot(LinkId link);
  /// From now on portions belong to the store of that install, or to the old one if it fails.
  void install_asked();
  std::size_t backlog() const { return backlog_; }
  /// Carries out all that is queued, once, and ends the thread.
  void stop();
  /// What has not been begun is forgotten.
  void drop_queued();

  // ---- The log's thread -------------------------------------------------------------------------
  /// Held while the store is replaced.
  std::mutex& store_mutex() { return store_mutex_; }
  void install_ended(bool replaced);

 private:
  using Clock = std::chrono::steady_clock;
  /// `installs`: so many were asked for before it.
  struct CheckpointJob {
    znode::CheckpointBatch portion;
    std::uint64_t installs = 0;
  };
  struct ReadJob {
    LinkId link;
  };
  struct DropJob {
    LinkId link;
  };
  using Job = std::variant<CheckpointJob, ReadJob, DropJob>;
  /// Encoded and staged, but the disk refused it.
  struct Unwritten {
    Zxid zxid;
    std::uint64_t installs = 0;
    Clock::time_point again_at;
    std::chrono::milliseconds pause{0};
  };

  void put(Job job);
  void run();
  void run(CheckpointJob job);
  void run(ReadJob job);
  void run(DropJob job) { readers_.erase(job.link); }
  ErrorCode carry_out(const CheckpointJob& job);
  void answer(Zxid zxid, std::uint64_t installs, ErrorCode error);
  void lost();
  void refused(Zxid zxid, std::uint64_t installs, ErrorCode error);
  void retry();
  void begin_scrub();
  void scrub();
  bool of_current_store(std::uint64_t installs);
  std::optional<Clock::time_point> next_duty() const;
  std::optional<Clock::time_point> next_disk_duty() const;
  void do_duty();
  void trim_after(Clock::duration pause);
  void trim();

  DiskWorker& worker_;
  DiskAnswers& answers_;
  const CheckpointOptions options_;
  const Purge purge_;

  // Guards what stands up to the next comment.
  mutable std::mutex mutex_;
  std::condition_variable work_, installed_;
  std::deque<Job> jobs_;
  std::uint64_t installs_asked_ = 0, installs_ended_ = 0;
  std::uint64_t replaced_by_ = 0;  ///< The last install that has replaced the store; 0: none.
  bool stop_ = false;

  std::atomic<std::size_t> backlog_{0};
  std::mutex store_mutex_;  ///< Held while the store is used, and by an install, which replaces it.

  // This thread's own.
  std::map<LinkId, std::unique_ptr<DiskWorker::SnapshotReader>> readers_;
  std::optional<Unwritten> unwritten_;
  /// Found to be unreadable: nothing is built on it, and no log purged for it, until it has been
  /// rewritten or replaced.
  bool damaged_ = false;
  std::uint64_t damaged_after_ = 0;  ///< replaced_by_ at that time.
  Clock::time_point scrub_at_, archive_at_, scrub_step_at_;
  bool archiving_ = false;
  std::optional<Clock::time_point> trim_at_;
  Clock::duration trim_pause_{};
  std::thread thread_;
};

}  // namespace quorate::server
