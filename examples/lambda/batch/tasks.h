// The rules by which workers take tasks, as a pure core: what is known of a run in, what to do out.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lambda_app {

enum class TaskKind : std::uint8_t { Map, Reduce, Merge };

struct TaskId {
  TaskKind kind = TaskKind::Map;
  std::uint32_t number = 0;

  friend auto operator<=>(const TaskId&, const TaskId&) = default;
};
/// "map-00012", "reduce-00003", "merge-00000".
std::string name_of(TaskId task);
std::optional<TaskId> task_of(std::string_view name);

using Moment = std::chrono::steady_clock::time_point;

/// Somebody is at a task.
struct TaskClaim {
  std::string worker;
  bool copy = false;  ///< A second, speculative one.
  Moment since;       ///< When this process first saw it: no other clock is trusted.
};

struct TaskState {
  bool done = false;
  unsigned failures = 0;
  std::vector<TaskClaim> claims;  ///< Two at most.
};

/// How far a run is.
struct Progress {
  std::uint32_t maps = 0;
  std::uint32_t parts = 0;
  std::map<TaskId, TaskState> tasks;  ///< Those of which there is something to tell.
  /// What the tasks that are done took.
  std::map<TaskKind, std::vector<std::chrono::milliseconds>> took;

  std::uint32_t count(TaskKind kind) const;
  bool all_done(TaskKind kind) const;
  /// The kind whose tasks can be worked at: reduce when all maps are done, merge when all reduces
  /// are; nothing when the merge is done.
  std::optional<TaskKind> phase() const;
  bool done(TaskId task) const;
  unsigned failures_most() const;
};

struct TaskRules {
  /// A run with a task that has failed so often is given up.
  unsigned failures_max = 4;
  /// A task is slow when it takes longer than this many times the median of its kind, and than the
  /// floor; while none of its kind is done, longer than `slow_unknown`.
  double slow_factor = 2.0;
  std::chrono::milliseconds slow_floor{2'000};
  std::chrono::milliseconds slow_unknown{20'000};
};

struct Choice {
  std::optional<TaskId> task;
  bool copy = false;  ///< As a speculative copy: the claim's name differs.
  /// Nothing to do now, but this much later there may be: a task becomes slow then.
  std::optional<std::chrono::milliseconds> look_again;
};

/// What a free slot of the worker `me` should claim:
///  - of the open phase, a task that nobody is at: fewest failures first, then in an order that
///    begins at another place for each worker, so that they seldom want the same;
///  - else the slow task that has been worked at the longest, if one other worker alone is at it;
///  - never one that has failed too often.
Choice choose_task(const Progress& progress, const std::string& me, Moment now,
                   const TaskRules& rules);

}  // namespace lambda_app
