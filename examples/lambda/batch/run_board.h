// All runs as they stand in Quorate, followed event by event.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "examples/lambda/batch/run_records.h"
#include "examples/lambda/batch/tasks.h"
#include "quorate/recipes/cached_node.h"

namespace lambda_app {

/// Of one run: its record and how far it is. `results` and `progress` say the same of what is done.
struct Run {
  std::optional<RunRecord> record;  ///< Nothing until its own node was seen.
  Progress progress;
  std::map<TaskId, TaskResult> results;
  std::string last_failure;
  /// Claims by the names of their nodes; progress.tasks is made of them.
  std::map<std::string, TaskClaim> claims;
};

/// A mirror of <root>/batch, for one thread at a time. It lags behind, so it proposes only: what is
/// decided upon it is done by creating nodes, of which the first wins.
class RunBoard {
 public:
  explicit RunBoard(const BatchPlace& place) : place_(place) {}

  /// One change, seen at `now`.
  void apply(const qc::TreeEvent& event, Moment now);

  const std::map<std::uint64_t, Run>& runs() const { return runs_; }
  /// The greatest run that is running, or nothing.
  const Run* active() const;
  const std::set<std::string>& requests() const { return requests_; }

 private:
  void apply_to_run(std::uint64_t number, std::string_view tail, const qc::TreeEvent& event,
                    Moment now);
  static void set_claims(Run& run, TaskId task);

  BatchPlace place_;
  std::map<std::uint64_t, Run> runs_;
  std::set<std::string> requests_;
};

/// "map-00012.copy" -> the task, and whether it is a copy.
struct ClaimName {
  TaskId task;
  bool copy = false;
};
std::string name_of(const ClaimName& claim);
std::optional<ClaimName> claim_of(std::string_view name);

}  // namespace lambda_app
