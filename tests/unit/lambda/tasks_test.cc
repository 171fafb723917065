#include "examples/lambda/batch/tasks.h"

#include <doctest/doctest.h>

#include "examples/lambda/batch/cleaning.h"
#include "examples/lambda/batch/plan.h"
#include "examples/lambda/batch/run_board.h"

using namespace lambda_app;
using std::chrono::milliseconds;

namespace {

const Moment kNow{std::chrono::hours(1)};

Progress progress_of(std::uint32_t maps, std::uint32_t parts) {
  Progress progress;
  progress.maps = maps;
  progress.parts = parts;
  return progress;
}

void finish(Progress& progress, TaskKind kind, int took_ms = 100) {
  for (std::uint32_t i = 0; i < progress.count(kind); ++i) {
    progress.tasks[{kind, i}].done = true;
    progress.took[kind].emplace_back(took_ms);
  }
}

TaskClaim claimed(const std::string& worker, int ago_ms, bool copy = false) {
  return {worker, copy, kNow - milliseconds(ago_ms)};
}

std::string chosen(const Progress& progress, const std::string& me = "me") {
  const Choice choice = choose_task(progress, me, kNow, TaskRules());
  if (!choice.task) {
    return choice.look_again ? "in " + std::to_string(choice.look_again->count()) : "nothing";
  }
  return name_of(ClaimName{*choice.task, choice.copy});
}

}  // namespace

TEST_CASE("tasks: names say kind and number, and nothing else is a name") {
  CHECK(name_of(TaskId{TaskKind::Map, 12}) == "map-00012");
  for (const TaskId task : {TaskId{TaskKind::Map, 0}, TaskId{TaskKind::Reduce, 7},
                            TaskId{TaskKind::Merge, 0}, TaskId{TaskKind::Map, 123'456}}) {
    CHECK(task_of(name_of(task)) == task);
  }
  for (const char* name : {"", "map", "map-", "map-x", "maps-1", "map-1x", "map--1"}) {
    CHECK(!task_of(name));
  }
}

TEST_CASE("tasks: maps, then reduces, then the merge, then nothing") {
  Progress progress = progress_of(1, 1);
  CHECK(chosen(progress) == "map-00000");
  finish(progress, TaskKind::Map);
  CHECK(chosen(progress) == "reduce-00000");
  finish(progress, TaskKind::Reduce);
  CHECK(chosen(progress) == "merge-00000");
  finish(progress, TaskKind::Merge);
  CHECK(chosen(progress) == "nothing");
}

TEST_CASE("tasks: a run over nothing has no maps, and goes on to its reduces") {
  CHECK(progress_of(0, 2).phase() == TaskKind::Reduce);
}

TEST_CASE("tasks: all are taken, whoever begins where; workers begin at different ones") {
  std::set<std::string> first;
  for (const std::string me : {"a", "b", "c", "d", "e", "f"}) {
    Progress progress = progress_of(50, 1);
    first.insert(chosen(progress, me));
    for (int i = 0; i < 50; ++i) {
      const auto task = choose_task(progress, me, kNow, TaskRules()).task;
      REQUIRE(task);
      CHECK(!progress.done(*task));
      progress.tasks[*task].done = true;
    }
    CHECK(chosen(progress, me) == "reduce-00000");
  }
  CHECK(first.size() > 3);
}

TEST_CASE("tasks: a lost worker's task, whose claim is gone, is offered again") {
  Progress progress = progress_of(1, 1);
  progress.tasks[{TaskKind::Map, 0}].claims = {claimed("other", 10)};
  CHECK(chosen(progress).starts_with("in "));
  progress.tasks[{TaskKind::Map, 0}].claims.clear();
  CHECK(chosen(progress) == "map-00000");
}

TEST_CASE("tasks: speculation: who copies what, and when") {
  struct Row {
    const char* rule;
    std::vector<TaskClaim> claims;
    int took_ms;  ///< Of the tasks that are done; 0: none is.
    std::string choice;
  };
  const Row rows[] = {
      {"slow beyond twice the median", {claimed("other", 9'000)}, 4'000, "map-00003.copy"},
      {"not yet slow", {claimed("other", 7'000)}, 4'000, "in 1000"},
      {"never below the floor", {claimed("other", 1'500)}, 10, "in 500"},
      {"no median yet", {claimed("other", 15'000)}, 0, "in 5000"},
      {"no median, but long", {claimed("other", 21'000)}, 0, "map-00003.copy"},
      {"never one's own", {claimed("me", 90'000)}, 100, "nothing"},
      {"never a third", {claimed("a", 90'000), claimed("b", 80'000, true)}, 100, "nothing"},
      {"a copy whose first is gone", {claimed("a", 90'000, true)}, 100, "map-00003"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.rule);
    Progress progress = progress_of(4, 1);
    for (std::uint32_t i = 0; i < 3; ++i) {
      TaskState& state = progress.tasks[{TaskKind::Map, i}];
      if (row.took_ms > 0) {
        state.done = true;
        progress.took[TaskKind::Map].emplace_back(row.took_ms);
      } else {
        state.claims = {claimed("me", 1)};
      }
    }
    progress.tasks[{TaskKind::Map, 3}].claims = row.claims;
    CHECK(chosen(progress) == row.choice);
  }
}

TEST_CASE("tasks: the slow one that has been worked at the longest is copied first") {
  Progress progress = progress_of(3, 1);
  progress.tasks[{TaskKind::Map, 0}].claims = {claimed("a", 30'000)};
  progress.tasks[{TaskKind::Map, 1}].claims = {claimed("b", 50'000)};
  progress.tasks[{TaskKind::Map, 2}].claims = {claimed("c", 40'000)};
  CHECK(chosen(progress) == "map-00001.copy");
}

TEST_CASE("tasks: those that failed come last; one that failed too often ends the run") {
  Progress progress = progress_of(2, 1);
  progress.tasks[{TaskKind::Map, 0}].failures = 1;
  CHECK(chosen(progress, "a") == "map-00001");
  progress.tasks[{TaskKind::Map, 1}].done = true;
  CHECK(chosen(progress, "a") == "map-00000");
  progress.tasks[{TaskKind::Map, 0}].failures = TaskRules().failures_max;
  CHECK(chosen(progress, "a") == "nothing");
  CHECK(progress.failures_most() == TaskRules().failures_max);
}

TEST_CASE("splits: whole segments, in order, about equal, within the limits") {
  struct Row {
    const char* rule;
    std::vector<std::uint64_t> bytes;
    SplitLimits limits;
    std::vector<std::size_t> counts;  ///< Segments per split.
  };
  const Row rows[] = {
      {"nothing", {}, {10, 100, 4}, {}},
      {"small ones together", {1, 2, 3}, {10, 100, 4}, {3}},
      {"a share each", {50, 50, 50, 50}, {10, 100, 4}, {1, 1, 1, 1}},
      {"never beyond the greatest", {60, 60, 60}, {10, 100, 1}, {1, 1, 1}},
      {"a large one alone", {5, 500, 5}, {10, 100, 4}, {1, 1, 1}},
      {"packed up to the aim", {30, 30, 30, 30}, {10, 100, 2}, {2, 2}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.rule);
    std::vector<SegmentInfo> segments;
    for (const std::uint64_t bytes : row.bytes) {
      segments.push_back({0, segments.size(), segments.size() + 1, 1, 1, bytes});
    }
    const auto splits = plan_splits(segments, row.limits);
    std::vector<std::size_t> counts;
    std::vector<SegmentInfo> all;
    for (const Split& split : splits) {
      counts.push_back(split.size());
      all.insert(all.end(), split.begin(), split.end());
    }
    CHECK(counts == row.counts);
    CHECK(all == segments);
  }
}

TEST_CASE("plan: as JSON and back; what is none is refused") {
  const Plan plan{
      7, {1, 2}, 3, {{{0, 0, 5, 9, 5, 100}}, {{1, 0, 2, 9, 2, 50}, {1, 3, 4, 8, 1, 5}}}};
  const auto again = plan_of(to_json(plan));
  REQUIRE(again);
  CHECK(to_json(*again) == to_json(plan));
  for (const char* text : {"", "[]", "{}", R"({"run":1,"cuts":[],"parts":0,"splits":[]})",
                           R"({"run":1,"cuts":[],"parts":1,"splits":[[[1,2]]]})"}) {
    CHECK(!plan_of(text));
  }
}

TEST_CASE("cleaning: the served view, the one before it and the run under way stay") {
  Generation served;
  served.run = 5;
  served.file = "batch-view-5-x";
  served.previous_file = "batch-view-4-y";
  const std::vector<std::string> names{"batch-run-5",    "batch-run-6",       "batch-run-7",
                                       "batch-view-5-x", "batch-view-5-late", "batch-view-4-y",
                                       "batch-view-3-z", "batch-view-7-n",    "segments",
                                       "batch-view-6-q", "batch-run-5x"};
  CHECK(garbage(names, served, 7) == std::vector<std::string>{"batch-run-5", "batch-run-6",
                                                              "batch-view-5-late", "batch-view-3-z",
                                                              "batch-view-6-q"});
  CHECK(garbage(names, served, 0) ==
        std::vector<std::string>{"batch-run-5", "batch-view-5-late", "batch-view-3-z"});
  CHECK(garbage(names, Generation(), 0).empty());
  CHECK(old_runs({3, 4, 5, 6, 7}, served, 7) == std::vector<std::uint64_t>{3, 4, 6});
}

TEST_CASE("cleaning: what is garbage to a leader that was deposed is garbage to its successors") {
  std::vector<std::string> names;
  for (int run = 1; run <= 9; ++run) {
    names.push_back("batch-run-" + std::to_string(run));
    names.push_back("batch-view-" + std::to_string(run) + "-a");
  }
  const auto served_at = [](std::uint64_t run) {
    Generation served;
    served.run = run;
    served.file = "batch-view-" + std::to_string(run) + "-a";
    if (run > 1) served.previous_file = "batch-view-" + std::to_string(run - 1) + "-a";
    return served;
  };
  for (std::uint64_t early = 1; early < 9; ++early) {
    const auto removed = garbage(names, served_at(early), early + 1);
    for (std::uint64_t late = early; late < 9; ++late) {
      const auto later = garbage(names, served_at(late), late + 1);
      for (const std::string& name : removed) {
        CHECK(std::find(later.begin(), later.end(), name) != later.end());
      }
    }
  }
}

TEST_CASE("board: claims, results and failures by the events of their znodes") {
  Common common;
  const BatchPlace place(common);
  RunBoard board(place);
  const auto put = [&](const std::string& path, const std::string& data) {
    board.apply({qc::TreeEvent::Type::Added, path, {true, data, {}}}, kNow);
  };
  const auto take = [&](const std::string& path) {
    board.apply({qc::TreeEvent::Type::Removed, path, {}}, kNow);
  };
  RunRecord record;
  record.run = 4;
  record.maps = 2;
  record.parts = 1;
  const std::string run = place.run(4);
  CHECK(board.active() == nullptr);
  put(run, to_json(record));
  put(run + "/claims", "");
  REQUIRE(board.active() != nullptr);
  const Run& active = *board.active();
  put(run + "/claims/map-00001", "w1");
  put(run + "/claims/map-00001.copy", "w2");
  REQUIRE(active.progress.tasks.at({TaskKind::Map, 1}).claims.size() == 2);
  CHECK(active.progress.tasks.at({TaskKind::Map, 1}).claims[1].worker == "w2");
  take(run + "/claims/map-00001");
  REQUIRE(active.progress.tasks.at({TaskKind::Map, 1}).claims.size() == 1);
  CHECK(active.progress.tasks.at({TaskKind::Map, 1}).claims[0].copy);
  put(run + "/failed/map-00001-0000000000", "disk full");
  CHECK(active.progress.failures_most() == 1);
  TaskResult result;
  result.output.name = "file";
  put(run + "/done/map-00001", to_json(result));
  CHECK(active.progress.done({TaskKind::Map, 1}));
  CHECK(active.results.at({TaskKind::Map, 1}).output.name == "file");
  put(place.requests() + "/r-0000000001", "x");
  CHECK(board.requests().size() == 1);
  take(place.requests() + "/r-0000000001");
  CHECK(board.requests().empty());
  record.state = RunState::Served;
  board.apply({qc::TreeEvent::Type::Changed, run, {true, to_json(record), {}}}, kNow);
  CHECK(board.active() == nullptr);
  take(run + "/done/map-00001");
  take(run);
  CHECK(board.runs().empty());
  for (const char* path : {"/lambda/batch/runs/x", "/lambda/batch/runs/", "/lambda/batch",
                           "/lambda/batch/runs/4x/done/map-00000", "/elsewhere"}) {
    put(path, "noise");
  }
  CHECK(board.runs().empty());
}
