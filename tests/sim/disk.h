// Port Disk on virtual time: the real DiskWorker over a disk in memory, one group at a time, each
// taking a while, and a crash possible at every operation in between.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/random.h"
#include "server/replica/ports.h"
#include "server/storage/disk_worker.h"
#include "tests/sim/plan.h"
#include "tests/sim/trace.h"
#include "tests/support/sim_files.h"

namespace quorate::sim {

/// A server's log and epochs as a sequence of LogWrites makes them. Kept twice per server: as
/// ordered by its replica, and as far as the disk has really carried that out.
struct LogState {
  std::map<std::int64_t, SharedBytes> records;  ///< By zxid.
  Zxid base;                                    ///< All up to here is in an installed checkpoint.
  std::uint32_t accepted_epoch = 0, current_epoch = 0;

  void apply(const consensus::LogWrite& write);
  void install(Zxid zxid);
  Zxid last() const { return records.empty() ? base : Zxid{records.rbegin()->first}; }
  /// Holds `bytes` under `zxid`, or has it in its checkpoint.
  bool holds(Zxid zxid, const SharedBytes& bytes) const;
};

/// Moments at which a crash is most likely to find a mistake.
enum class CrashPoint { None, Queued, InGroup, Synced, Told };

/// What the disk needs of the server it belongs to.
class DiskOwner {
 public:
  virtual ~DiskOwner() = default;
  /// Runs `action` later, unless the server has crashed by then.
  virtual void post(Micros delay, std::function<void()> action) = 0;
  virtual server::Replica& replica() = 0;
  virtual void crash_point_reached() = 0;
  virtual void write_ordered(const consensus::LogWrite& write) = 0;
  virtual void installed(Zxid zxid) = 0;
};

class SimDisk final : public server::Disk {
 public:
  SimDisk(const Plan& plan, int id, DiskOwner& owner, Trace& trace, test::SimFiles& files,
          std::unique_ptr<server::DiskWorker> worker, LogState& durable, Random random);

  void write(std::uint64_t first, std::vector<consensus::LogWrite> writes) override;
  void checkpoint(znode::CheckpointBatch portion) override;
  void read_snapshot(LinkId link) override;
  void drop_snapshot(LinkId link) override;
  void install(LinkId link, znode::CheckpointBatch portion) override;
  void drop_install(LinkId link) override;

  void arm(CrashPoint point) { armed_ = point; }
  void set_slow(int factor) { slow_ = factor; }
  /// The power fails: whatever was being written may have been written in part. Ends the worker.
  /// Returns the writes of the group that was under way: of these any first part may have survived.
  std::vector<consensus::LogWrite> power_lost();
  Zxid install_in_doubt() const { return install_in_doubt_; }

 private:
  enum class Kind { Write, Install, Purge, Stamp, Prepared, DropInstall };
  struct Job {
    Kind kind;
    std::uint64_t last = 0;
    std::vector<consensus::LogWrite> writes;
    LinkId link;
    znode::CheckpointBatch batch;
    Zxid zxid;
    std::uint64_t installs = 0;
    server::SegmentPreparation wanted{};
    std::unique_ptr<server::File> made{};  ///< nullptr: could not be made.
  };
  /// A batch belongs to the store of its time: `installs` were asked for before it.
  struct CheckpointJob {
    znode::CheckpointBatch batch;
    std::uint64_t installs;
  };

  Micros latency();
  void start();
  void finish();
  void carry_out(Job& job);
  void answer(const Job& job);
  void reach(CrashPoint point);
  void checkpoint_done();
  void next_checkpoint();
  void commit_later(Zxid zxid, std::uint64_t installs);
  void checkpointed(Zxid zxid);
  void scrub();
  void prepare_if_due();
  void prepare(const server::SegmentPreparation& wanted, std::uint64_t installs);
  std::vector<consensus::LogWrite> after_mutant(std::vector<consensus::LogWrite> writes) const;

  const Plan& plan_;
  int id_;
  DiskOwner& owner_;
  Trace& trace_;
  test::SimFiles& files_;
  std::unique_ptr<server::DiskWorker> worker_;
  LogState& durable_;
  Random random_;
  std::deque<Job> waiting_;
  std::unique_ptr<Job> current_;
  std::deque<CheckpointJob> checkpoints_;
  std::uint64_t installs_asked_ = 0, installs_done_ = 0;
  std::map<LinkId, std::unique_ptr<server::DiskWorker::SnapshotReader>> readers_;
  CrashPoint armed_ = CrashPoint::None;
  int slow_ = 1;
  bool begun_ = false;                  ///< The worker has taken the current job.
  std::uint64_t group_operations_ = 4;  ///< Of the last group: the range for crashes inside one.
  std::uint64_t idle_stamp_ = 0;
  Zxid install_in_doubt_;
};

}  // namespace quorate::sim
