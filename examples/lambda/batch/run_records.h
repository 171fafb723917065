// What stands in the znodes below <root>/batch, and where.
//
//   leader                 LeaderRecord: the token of the leader that claimed office last. Every
//   write
//                          of a leader checks this node's version in the same transaction.
//   election               quorate/recipes/election.h
//   requests/r-N           somebody wants a run; gone when one that began later is served
//   runs/<run>             RunRecord
//   runs/<run>/claims/T    ephemeral: a worker is at task T ("map-00012"); T.copy: a second one
//   runs/<run>/attempts/A  ephemeral, made with the claim; its name is used once. A result is taken
//                          only from an attempt whose node is still there
//   runs/<run>/done/T      TaskResult of the attempt that was first
//   runs/<run>/failed/T-N  why an attempt failed
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "examples/lambda/batch/reduce_task.h"
#include "examples/lambda/places.h"

namespace lambda_app {

struct LeaderRecord {
  std::int64_t token = 0;
  std::uint64_t last_run = 0;   ///< Greatest number that was given to a run.
  std::int64_t started_ms = 0;  ///< When that was, by the clock of its leader.
};
std::string to_json(const LeaderRecord& record);
std::optional<LeaderRecord> leader_record_of(std::string_view json);

enum class RunState { Running, Served, GivenUp };

struct RunRecord {
  std::uint64_t run = 0;
  RunState state = RunState::Running;
  std::int64_t token = 0;  ///< Of the leader that planned it.
  std::uint32_t maps = 0;
  std::uint32_t parts = 0;
  std::vector<pipeline::Offset> cuts;
  Output plan;                        ///< In the run's folder.
  std::vector<std::string> requests;  ///< Those it answers.
  std::int64_t started_ms = 0;
  std::string why;  ///< Of one given up.
};
std::string to_json(const RunRecord& record);
std::optional<RunRecord> run_record_of(std::string_view json);

struct TaskResult {
  std::string worker;
  std::string attempt;
  Output output;
  std::uint64_t events = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t damaged = 0;
  std::uint64_t took_ms = 0;
};
std::string to_json(const TaskResult& result);
std::optional<TaskResult> task_result_of(std::string_view json);

/// Paths of znodes and of files.
struct BatchPlace {
  explicit BatchPlace(const Common& common) : root(common.path("batch")), folder(common.folder) {}

  std::string leader() const { return root + "/leader"; }
  std::string election() const { return root + "/election"; }
  std::string requests() const { return root + "/requests"; }
  std::string runs() const { return root + "/runs"; }
  std::string run(std::uint64_t number) const;
  std::string run_folder(std::uint64_t number) const;  ///< Plan and intermediate files.
  std::string segments() const { return folder + "/segments"; }

  std::string root;
  std::string folder;
};

/// "batch-view-7-<attempt>": a file of Common::folder, as Generation wants it.
std::string view_name(std::uint64_t run, const std::string& attempt);

}  // namespace lambda_app
