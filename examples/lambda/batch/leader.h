// What the elected batch worker does besides its own share of the tasks: start runs, and let them
// be served.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "examples/lambda/batch/board_watch.h"
#include "examples/lambda/batch/office.h"
#include "examples/lambda/batch/plan.h"
#include "examples/pipeline/bus.h"
#include "quorate/recipes/hold.h"

namespace lambda_app {

struct LeaderOptions {
  std::chrono::seconds every{60};  ///< 0: only when somebody asks.
  std::uint32_t parts = 8;
  SplitLimits splits;
  TaskRules rules;
};

/// All that it does can be repeated or left undone by another at any moment: marks are boundaries
/// and nothing else; a plan is made again; the switch of the generation is one transaction. Owned
/// by one thread.
class Leader {
 public:
  Leader(const Common& common, qc::SyncClient& store, pipeline::Bus& bus, BoardWatch& board,
         Refusals& refusals, LeaderOptions options);

  /// Leads until the hold ends or the board does. Fenced: a later leader is in office; so this one
  /// only has to stop. Other faults: as of Bus, or Connection.
  pipeline::Result<> lead(const qc::Hold& hold);

  // The steps of it, one by one, for tests.

  pipeline::Result<> take_office(std::int64_t token);
  /// Marks, waits for the archive, plans, publishes. Closed: `goes_on` said no.
  pipeline::Result<RunRecord> start_run();
  /// One transaction: what is served, and that the run is done.
  pipeline::Result<> serve(const RunRecord& run, const TaskResult& merged);
  pipeline::Result<> give_up(const RunRecord& run, const std::string& why);
  /// Removes what nobody needs: nodes, files, requests that were answered.
  void clean();

  const std::optional<RunRecord>& active() const { return active_; }

 private:
  bool goes_on() const { return !board_.ended() && (hold_ == nullptr || hold_->valid()); }
  pipeline::Result<> step();
  pipeline::Result<> step_run();
  std::optional<Moment> due() const;
  std::vector<std::string> open_requests() const;
  pipeline::Result<> read_runs();
  pipeline::Result<std::vector<Offset>> mark(std::uint64_t run);
  pipeline::Result<> wait_for_archive(const std::vector<Offset>& cuts);
  pipeline::Result<Plan> make_plan(std::uint64_t run, const std::vector<Offset>& cuts);
  pipeline::Result<RunRecord> publish(const Plan& plan, std::vector<std::string> requests);
  pipeline::Result<> make_nodes(const RunRecord& record);
  void clean_runs();
  void forget_answered();
  /// Generation and version of <root>/serving/current; run 0 and -1 if there is none.
  pipeline::Result<> read_served();

  const Common& common_;
  const BatchPlace place_;
  qc::SyncClient& store_;
  pipeline::Bus& bus_;
  BoardWatch& board_;
  Office office_;
  const LeaderOptions options_;
  const qc::Hold* hold_ = nullptr;
  std::optional<RunRecord> active_;
  Moment next_;                     ///< When the next run is due, if runs are made at intervals.
  Moment not_before_;               ///< After a run that failed.
  std::set<std::string> answered_;  ///< By the run served last; the board may still show them.
  Generation served_;
  std::int32_t served_version_ = -1;
};

}  // namespace lambda_app
