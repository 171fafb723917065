// A member of a consumer group: partitions shared out through Quorate, each consumed by one member
// at a time, groups independent of each other.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "examples/pipeline/bus.h"
#include "examples/pipeline/checkpoints.h"
#include "quorate/sync_client.h"

namespace pipeline {

/// When a member dies between handling and committing, the next owner begins at the last commit:
enum class Delivery {
  /// commits after handling: events are handled again, into the view as of that commit. As view and
  /// offset are one commit, the effect is that of exactly once.
  AtLeastOnce,
  /// commits before handling: events are not handled again, and those in flight are lost. For
  /// effects outside that must not happen twice. The view that holds them follows with the next
  /// commit.
  AtMostOnce,
};

/// What is done with the records of one partition, from claim to loss. Called by one thread.
class PartitionHandler {
 public:
  virtual ~PartitionHandler() = default;
  virtual void handle(const Batch& batch) = 0;
  /// Called before state(): the moment to bring to the disk what the view only names. A fault ends
  /// run(), with nothing committed.
  virtual Result<> persist() { return {}; }
  /// The view so far, to be committed with the offset behind the last batch handled.
  virtual std::string state() = 0;
  /// `offset` is committed: the moment to publish what depends on that.
  virtual void committed(Offset /*offset*/) {}

  /// Asked after every handle() and tick(): true commits at once, whatever number and interval say.
  virtual bool wants_commit() const { return false; }
  /// When what was handled since the last commit is to be committed; asked before every wait for
  /// records. A moment that has passed: as soon as no other commit is on its way. Nothing: number
  /// and interval say it. Also with commit_beside such a commit is one like any other.
  virtual std::optional<std::chrono::steady_clock::time_point> commit_at() const {
    return std::nullopt;
  }
  /// When tick() is due; asked before every wait for records, which then lasts no longer. A moment
  /// that has passed: at once. Nothing: no tick.
  virtual std::optional<std::chrono::steady_clock::time_point> next_tick() const {
    return std::nullopt;
  }
  virtual void tick() {}
};

/// Makes the handler of a partition that has become this member's, from its last checkpoint. None
/// if that state cannot be used: then run() ends with Damaged, rather than count from nothing.
using HandlerFactory = std::function<std::unique_ptr<PartitionHandler>(
    PartitionNumber partition, std::int64_t token, const Checkpoint& last)>;

struct ConsumerOptions {
  GroupPlace place;
  std::string member;  ///< Unique in the group.
  Delivery delivery = Delivery::AtLeastOnce;
  ReadLimits limits;
  /// A partition is committed when so much was handled, or so long ago was the first of it; later
  /// where making the views would take more than a twentieth of the time, but ten intervals after
  /// the commit before at the latest.
  std::uint64_t commit_records = 100'000;
  std::chrono::milliseconds commit_interval{1'000};
  /// Commits that are due are written by a thread beside, one at a time, while further records are
  /// handled. committed() comes, from the thread of run(), when the write is done: for handlers
  /// that do not mind having handled more since state().
  bool commit_beside = false;
  /// Told, by the thread of run(), of every claim and commit that was refused because a later owner
  /// is there; the partition is gone then. For who shows them: ConsumerCounts::fenced counts them.
  std::function<void(PartitionNumber partition, const std::string& why)> refused{};
};

/// What a member has done. Counters only grow.
struct ConsumerCounts {
  std::uint64_t records = 0;  ///< Handled.
  std::uint64_t commits = 0;
  std::uint64_t fenced = 0;   ///< Claims and commits refused because a later owner was there.
  std::uint64_t taken = 0;    ///< Partitions acquired.
  std::uint64_t given = 0;    ///< Given up when asked to.
  std::uint64_t lost = 0;     ///< Lost with the session or by fencing.
  std::uint64_t skipped = 0;  ///< Records that retention had taken before they were read.

  ConsumerCounts& operator+=(const ConsumerCounts& more) {
    records += more.records;
    commits += more.commits;
    fenced += more.fenced;
    taken += more.taken;
    given += more.given;
    lost += more.lost;
    skipped += more.skipped;
    return *this;
  }
};

/// Runs until stopped or its session is over. Nothing in it polls: appends, the partitioner's
/// events and the due time of the next commit or tick wake it.
class Consumer {
 public:
  /// `members` carries the membership: its session's end is the loss of all partitions. Commits go
  /// through `store`, which may be the same. Both must be connected and outlive this object, as
  /// must `bus`.
  Consumer(qc::SyncClient& members, qc::SyncClient& store, Bus& bus, ConsumerOptions options,
           HandlerFactory make_handler);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  /// Blocks; the calling thread calls the handlers. No fault when stop() was called (everything
  /// handled is committed then). Connection: the session is over; with a new client a new Consumer
  /// goes on. Other faults as of Bus and of open_checkpoint().
  Result<> run();
  void stop();  ///< Any thread; not from a signal's handler. Does not wait.

  ConsumerCounts counts() const;               ///< Any thread.
  std::vector<PartitionNumber> owned() const;  ///< Any thread.

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace pipeline
