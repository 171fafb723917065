#include "examples/lambda/batch/worker.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "examples/lambda/batch/map_task.h"
#include "examples/lambda/batch/reduce_task.h"
#include "examples/pipeline/checkpoint_text.h"
#include "examples/pipeline/program/connect.h"
#include "examples/pipeline/state_file.h"

namespace lambda_app {

using pipeline::Fault;
using pipeline::FaultKind;
using pipeline::Result;
using pipeline_program::say;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

BatchWorker::BatchWorker(const BatchPlace& place, qc::SyncClient& members, qc::SyncClient& store,
                         Refusals& refusals, WorkerOptions options)
    : place_(place),
      refusals_(refusals),
      options_(std::move(options)),
      claims_(members, store, place) {}

BatchWorker::~BatchWorker() {
  join();
}

void BatchWorker::start(BoardWatch& board) {
  board_ = &board;
  for (unsigned i = 0; i < options_.slots; ++i) slots_.emplace_back([this] { run_slot(); });
}

void BatchWorker::join() {
  for (std::thread& slot : slots_) slot.join();
  slots_.clear();
}

WorkerCounts BatchWorker::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void BatchWorker::look(const RunBoard& board) {
  const std::lock_guard lock(mutex_);
  for (const auto& [attempt, work] : running_) {
    const auto run = board.runs().find(work.claim.run);
    const bool wanted = run != board.runs().end() && run->second.record &&
                        run->second.record->state == RunState::Running &&
                        !run->second.progress.done(work.claim.name.task);
    if (!wanted) *work.cancel = true;
  }
}

void BatchWorker::cancel_all() {
  const std::lock_guard lock(mutex_);
  for (const auto& [attempt, work] : running_) *work.cancel = true;
}

void BatchWorker::begin(const Work& work) {
  {
    const std::lock_guard lock(mutex_);
    running_[work.claim.attempt] = work;
    if (work.claim.name.copy) ++counts_.copies;
  }
  // Done by another while it was being claimed?
  board_->read([this](const RunBoard& board) { look(board); });
}

void BatchWorker::end(const Work& work) {
  const std::lock_guard lock(mutex_);
  running_.erase(work.claim.attempt);
}

// --- Taking and giving ---------------------------------------------------------------------------

void BatchWorker::run_slot() {
  while (const auto work = take()) {
    begin(*work);
    const auto began = steady_clock::now();
    Result<TaskResult> result = carry_out(*work);
    if (result) {
      result->worker = work->claim.worker;
      result->attempt = work->claim.attempt;
      result->took_ms = static_cast<std::uint64_t>(
          std::chrono::duration_cast<milliseconds>(steady_clock::now() - began).count());
    }
    end(*work);
    finish(*work, result);
  }
}

std::optional<BatchWorker::Work> BatchWorker::take() {
  const std::lock_guard one_at_a_time(taking_);
  while (!board_->ended()) {
    Choice choice;
    std::optional<Work> work;
    const std::uint64_t version =
        board_->read([&](const RunBoard& board) { work = choose(board, choice); });
    std::optional<Moment> until;
    if (choice.look_again) until = steady_clock::now() + *choice.look_again;
    if (work) {
      const ClaimOutcome outcome = claims_.claim(work->claim);
      if (outcome == ClaimOutcome::Won) return work;
      if (outcome == ClaimOutcome::SessionOver) board_->end();
    }
    // Busy: the board does not show yet what the server knows.
    board_->wait_past(version, until);
  }
  return std::nullopt;
}

std::optional<BatchWorker::Work> BatchWorker::choose(const RunBoard& board, Choice& choice) {
  const Run* run = board.active();
  if (run == nullptr) return std::nullopt;
  choice = choose_task(run->progress, options_.name, steady_clock::now(), options_.rules);
  if (!choice.task) return std::nullopt;
  Work work;
  work.run = *run->record;
  work.claim = {work.run.run,
                {*choice.task, choice.copy},
                options_.name,
                name_of(*choice.task) + "-" + options_.name + "-" + std::to_string(++attempts_)};
  work.cancel = std::make_shared<Cancel>(false);
  if (choice.task->kind != TaskKind::Map) {
    const TaskKind before = choice.task->kind == TaskKind::Merge ? TaskKind::Reduce : TaskKind::Map;
    for (const auto& [task, result] : run->results) {
      if (task.kind == before) work.inputs.push_back(result);
    }
  }
  return work;
}

void BatchWorker::finish(const Work& work, const Result<TaskResult>& result) {
  // Of a run that is over the files are cleaned away under it.
  if (!result && (result.error().kind == FaultKind::Closed || *work.cancel)) {
    return claims_.give_back(work.claim);
  }
  const bool merged = work.claim.name.task.kind == TaskKind::Merge;
  const std::string folder = merged ? place_.folder : place_.run_folder(work.run.run);
  if (!result) say(name_of(work.claim.name) + " failed: " + result.error().message);
  const CommitOutcome outcome = result ? claims_.commit(work.claim, *result)
                                       : claims_.fail(work.claim, result.error().message);
  if (outcome == CommitOutcome::SessionOver) return board_->end();
  if (outcome == CommitOutcome::Second) claims_.give_back(work.claim);
  if (result && outcome != CommitOutcome::Won) {
    pipeline::remove_file(folder, result->output.name);
  }
  if (outcome == CommitOutcome::Refused) {
    refusals_.add((result ? "result of " : "failure of ") + work.claim.attempt + " of run " +
                  std::to_string(work.run.run) + ": its claim is gone");
  }
  const std::lock_guard lock(mutex_);
  ++(outcome == CommitOutcome::Refused  ? counts_.refused
     : outcome == CommitOutcome::Second ? counts_.second
     : result                           ? counts_.done
                                        : counts_.failed);
}

// --- The work itself -----------------------------------------------------------------------------

Result<TaskResult> BatchWorker::carry_out(const Work& work) {
  std::error_code ignored;  // What cannot be made cannot be written to: that says why.
  std::filesystem::create_directories(place_.run_folder(work.run.run), ignored);
  switch (work.claim.name.task.kind) {
    case TaskKind::Map:
      return map(work);
    case TaskKind::Reduce:
      return reduce(work);
    case TaskKind::Merge:
      break;
  }
  return merge(work);
}

Result<std::shared_ptr<const Plan>> BatchWorker::plan_of_run(const RunRecord& run) {
  {
    const std::lock_guard lock(mutex_);
    if (plan_ && plan_->run == run.run) return plan_;
  }
  const std::string folder = place_.run_folder(run.run);
  const auto text = pipeline::read_file(folder, run.plan.name);
  if (!text) return text.error();
  if (!*text || (*text)->size() != run.plan.bytes ||
      pipeline::state_hash(**text) != run.plan.hash) {
    return Fault{FaultKind::Damaged, folder + "/" + run.plan.name +
                                         " is not the plan of the run: do all share one folder?"};
  }
  auto plan = plan_of(**text);
  if (!plan) return Fault{FaultKind::Damaged, folder + "/" + run.plan.name + " is no plan"};
  auto shared = std::make_shared<const Plan>(std::move(*plan));
  const std::lock_guard lock(mutex_);
  plan_ = shared;
  return shared;
}

Result<TaskResult> BatchWorker::map(const Work& work) {
  const auto plan = plan_of_run(work.run);
  if (!plan) return plan.error();
  const std::uint32_t number = work.claim.name.task.number;
  if (number >= (*plan)->splits.size()) {
    return Fault{FaultKind::Damaged, "the plan has no split " + std::to_string(number)};
  }
  MapWork map;
  map.segments_folder = place_.segments();
  map.split = (*plan)->splits[number];
  map.parts = work.run.parts;
  map.out_folder = place_.run_folder(work.run.run);
  map.out_name = work.claim.attempt;
  const Result<MapCounts> done = run_map(map, *work.cancel);
  if (!done) return done.error();
  TaskResult result;
  result.output = {map.out_name, done->bytes, 0};
  result.events = done->events;
  result.damaged = done->damaged;
  return result;
}

Result<TaskResult> BatchWorker::reduce(const Work& work) {
  ReduceWork reduce;
  reduce.folder = place_.run_folder(work.run.run);
  for (const TaskResult& input : work.inputs) reduce.inputs.push_back(input.output.name);
  reduce.part = work.claim.name.task.number;
  reduce.out_name = work.claim.attempt;
  const Result<ReduceCounts> done = run_reduce(reduce, *work.cancel);
  if (!done) return done.error();
  TaskResult result;
  result.output = done->output;
  result.events = done->events;
  result.duplicates = done->duplicates;
  return result;
}

Result<TaskResult> BatchWorker::merge(const Work& work) {
  MergeWork merge;
  merge.folder = place_.run_folder(work.run.run);
  for (const TaskResult& input : work.inputs) merge.inputs.push_back(input.output);
  merge.out_folder = place_.folder;
  merge.out_name = view_name(work.run.run, work.claim.attempt);
  merge.threads = options_.slots;
  const Result<ReduceCounts> done = run_merge(merge, *work.cancel);
  if (!done) return done.error();
  TaskResult result;
  result.output = done->output;
  result.events = done->events;
  for (const TaskResult& input : work.inputs) result.duplicates += input.duplicates;
  return result;
}

}  // namespace lambda_app
