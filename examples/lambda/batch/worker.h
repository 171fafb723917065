// The slots of one batch worker: each takes a task, does it, commits its result, and takes the
// next.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "examples/lambda/batch/board_watch.h"
#include "examples/lambda/batch/cancel.h"
#include "examples/lambda/batch/plan.h"
#include "examples/lambda/batch/refusals.h"
#include "examples/lambda/batch/task_claims.h"

namespace lambda_app {

struct WorkerOptions {
  std::string name;    ///< Of this worker and this session: no other has or had it.
  unsigned slots = 2;  ///< Tasks at a time.
  TaskRules rules;
};

struct WorkerCounts {
  std::uint64_t done = 0;    ///< Results that were taken.
  std::uint64_t second = 0;  ///< Another attempt was first.
  std::uint64_t copies = 0;  ///< Speculative attempts begun.
  std::uint64_t failed = 0;
  std::uint64_t refused = 0;  ///< Results that came after the claim was gone.
};

/// Runs from construction to the board's end.
class BatchWorker {
 public:
  BatchWorker(const BatchPlace& place, qc::SyncClient& members, qc::SyncClient& store,
              Refusals& refusals, WorkerOptions options);
  ~BatchWorker();  ///< join().

  /// The board must call this for each change, as BoardWatch does: ends tasks that nobody wants.
  void look(const RunBoard& board);
  void start(BoardWatch& board);
  /// Ends the tasks under way, too. Without it, when only the session is over, they go on to the
  /// end and try to commit: it is the claim that refuses them.
  void cancel_all();
  void join();  ///< Waits for the slots; the board must have ended.
  WorkerCounts counts() const;

 private:
  /// All that a slot needs to know of its task.
  struct Work {
    Claim claim;
    RunRecord run;
    std::vector<TaskResult> inputs;  ///< In the order of the tasks that made them.
    std::shared_ptr<Cancel> cancel;
  };

  void run_slot();
  std::optional<Work> take();
  std::optional<Work> choose(const RunBoard& board, Choice& choice);
  void finish(const Work& work, const pipeline::Result<TaskResult>& result);
  pipeline::Result<TaskResult> carry_out(const Work& work);
  pipeline::Result<TaskResult> map(const Work& work);
  pipeline::Result<TaskResult> reduce(const Work& work);
  pipeline::Result<TaskResult> merge(const Work& work);
  pipeline::Result<std::shared_ptr<const Plan>> plan_of_run(const RunRecord& run);
  void begin(const Work& work);
  void end(const Work& work);

  const BatchPlace place_;
  Refusals& refusals_;
  const WorkerOptions options_;
  TaskClaims claims_;
  BoardWatch* board_ = nullptr;
  std::vector<std::thread> slots_;
  std::mutex taking_;  ///< One slot at a time chooses: two would want the same task.
  std::atomic<std::uint64_t> attempts_{0};

  mutable std::mutex
      mutex_;  ///< Keeps the rest; never held while the board is locked or waited for.
  std::map<std::string, Work> running_;  ///< By attempt.
  std::shared_ptr<const Plan> plan_;     ///< Of the run read last.
  WorkerCounts counts_;
};

}  // namespace lambda_app
