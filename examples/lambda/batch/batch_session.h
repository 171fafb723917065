// A batch worker from its session's begin to its end: slots that do tasks, and a candidate for the
// leadership.
#pragma once

#include <memory>
#include <string>

#include "examples/lambda/batch/leader.h"
#include "examples/lambda/batch/worker.h"
#include "examples/lambda/registration.h"

namespace lambda_app {

struct BatchOptions {
  unsigned slots = 2;
  LeaderOptions leader;
};

/// `members` carries claims and candidacy; `store` results and what the leader writes. Both must be
/// connected and outlive this.
class BatchSession {
 public:
  BatchSession(const Common& common, const BatchOptions& options, qc::SyncClient& members,
               qc::SyncClient& store, pipeline::Bus& bus, RefusedCount& refused);

  /// Until stop() or the session's end. A fault: this process cannot be of use.
  pipeline::Result<> run();
  void stop();  ///< Any thread. Tasks under way are given back.
  WorkerCounts counts() const { return worker_.counts(); }

 private:
  void stand_for_election();

  const Common& common_;
  const BatchOptions& options_;
  const BatchPlace place_;
  qc::SyncClient& members_;
  qc::SyncClient& store_;
  pipeline::Bus& bus_;
  Refusals refusals_;
  BatchWorker worker_;
  /// Shared with listeners, which may be called once more while this ends.
  std::shared_ptr<BoardWatch> board_;
  pipeline::Result<> leader_fault_;  ///< Of the election's thread, until it was joined.
};

}  // namespace lambda_app
