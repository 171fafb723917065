#include "examples/lambda/batch/tasks.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "examples/pipeline/event.h"

namespace lambda_app {

using std::chrono::milliseconds;

namespace {

constexpr const char* kKinds[] = {"map", "reduce", "merge"};

/// How long a task of the kind may take before it is slow.
milliseconds slow_after(const Progress& progress, TaskKind kind, const TaskRules& rules) {
  const auto found = progress.took.find(kind);
  if (found == progress.took.end() || found->second.empty()) return rules.slow_unknown;
  std::vector<milliseconds> took = found->second;
  const auto middle = took.begin() + static_cast<std::ptrdiff_t>(took.size() / 2);
  std::nth_element(took.begin(), middle, took.end());
  const auto scaled =
      static_cast<std::int64_t>(static_cast<double>(middle->count()) * rules.slow_factor);
  return std::max(rules.slow_floor, milliseconds(scaled));
}

std::optional<TaskId> free_task(const Progress& progress, TaskKind kind, const std::string& me,
                                const TaskRules& rules) {
  const std::uint32_t count = progress.count(kind);
  const auto start = static_cast<std::uint32_t>(pipeline::visitor_hash(me) % count);
  std::optional<TaskId> best;
  unsigned best_failures = rules.failures_max;
  for (std::uint32_t i = 0; i < count; ++i) {
    const TaskId task{kind, (start + i) % count};
    const auto at = progress.tasks.find(task);
    if (at == progress.tasks.end()) return task;
    const TaskState& state = at->second;
    if (state.done || !state.claims.empty() || state.failures >= best_failures) continue;
    if (state.failures == 0) return task;
    best = task;
    best_failures = state.failures;
  }
  return best;
}

}  // namespace

std::string name_of(TaskId task) {
  char text[32];
  std::snprintf(text, sizeof text, "%s-%05u", kKinds[static_cast<std::size_t>(task.kind)],
                task.number);
  return text;
}

std::optional<TaskId> task_of(std::string_view name) {
  for (const TaskKind kind : {TaskKind::Map, TaskKind::Reduce, TaskKind::Merge}) {
    std::string_view rest = name;
    const std::string_view word = kKinds[static_cast<std::size_t>(kind)];
    if (!rest.starts_with(word) || rest.substr(word.size(), 1) != "-") continue;
    rest.remove_prefix(word.size() + 1);
    std::uint32_t number = 0;
    const auto [stop, fault] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (fault == std::errc() && stop == rest.data() + rest.size()) return TaskId{kind, number};
  }
  return std::nullopt;
}

std::uint32_t Progress::count(TaskKind kind) const {
  return kind == TaskKind::Map ? maps : kind == TaskKind::Reduce ? parts : 1;
}

bool Progress::done(TaskId task) const {
  const auto at = tasks.find(task);
  return at != tasks.end() && at->second.done;
}

bool Progress::all_done(TaskKind kind) const {
  for (std::uint32_t i = 0; i < count(kind); ++i) {
    if (!done({kind, i})) return false;
  }
  return true;
}

std::optional<TaskKind> Progress::phase() const {
  for (const TaskKind kind : {TaskKind::Map, TaskKind::Reduce, TaskKind::Merge}) {
    if (!all_done(kind)) return kind;
  }
  return std::nullopt;
}

unsigned Progress::failures_most() const {
  unsigned most = 0;
  for (const auto& [task, state] : tasks) {
    if (!state.done) most = std::max(most, state.failures);
  }
  return most;
}

Choice choose_task(const Progress& progress, const std::string& me, Moment now,
                   const TaskRules& rules) {
  const auto phase = progress.phase();
  if (!phase || progress.failures_most() >= rules.failures_max) return {};
  if (const auto task = free_task(progress, *phase, me, rules)) return {task, false, {}};
  const milliseconds slow = slow_after(progress, *phase, rules);
  Choice choice;
  std::optional<Moment> oldest;
  for (const auto& [task, state] : progress.tasks) {
    if (task.kind != *phase || state.done || state.claims.size() != 1) continue;
    const TaskClaim& claim = state.claims.front();
    if (claim.worker == me || (oldest && claim.since >= *oldest)) continue;
    oldest = claim.since;
    choice.task = task;
    choice.copy = !claim.copy;
  }
  if (!oldest || now - *oldest >= slow) return choice;
  choice.task.reset();
  choice.look_again = std::chrono::ceil<milliseconds>(*oldest + slow - now);
  return choice;
}

}  // namespace lambda_app
