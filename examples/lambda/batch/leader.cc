#include "examples/lambda/batch/leader.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "examples/lambda/batch/archiver.h"
#include "examples/lambda/batch/cleaning.h"
#include "examples/pipeline/checkpoint_text.h"
#include "examples/pipeline/checkpoints.h"
#include "examples/pipeline/cut.h"
#include "examples/pipeline/program/connect.h"
#include "examples/pipeline/state_file.h"
#include "quorate/sync_retry.h"

namespace lambda_app {

using pipeline::Fault;
using pipeline::FaultKind;
using pipeline::Result;
using pipeline_program::say;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds kPauseAfterFailure(10);

qc::RetryPolicy patience() {
  return qc::RetryPolicy(std::chrono::seconds(10));
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Fault stopped() {
  return {FaultKind::Closed, "the leader ends"};
}

/// Deletes a node and all below it; what is gone already is fine. False: Quorate does not answer.
bool remove_tree(qc::SyncClient& client, const std::string& path) {
  const auto children = qc::SyncRetry(client, patience()).get_children(path);
  if (children.code == qc::Code::NoNode) return true;
  if (!children) return false;
  for (const std::string& child : children.value.children) {
    if (!remove_tree(client, path + "/" + child)) return false;
  }
  return qc::SyncRetry(client, patience()).remove(path).ok();
}

}  // namespace

Leader::Leader(const Common& common, qc::SyncClient& store, pipeline::Bus& bus, BoardWatch& board,
               Refusals& refusals, LeaderOptions options)
    : common_(common),
      place_(common),
      store_(store),
      bus_(bus),
      board_(board),
      office_(store, place_, refusals),
      options_(options) {}

Result<> Leader::lead(const qc::Hold& hold) {
  hold_ = &hold;
  if (const Result<> taken = take_office(hold.token()); !taken) return taken;
  say("leads with token " + std::to_string(hold.token()));
  Result<> done;
  while (goes_on() && done) {
    std::uint64_t version = board_.read([](const RunBoard&) {});
    done = step();
    if (done && goes_on()) board_.wait_past(version, due());
  }
  hold_ = nullptr;
  // That it was told to stop is no fault.
  return done || done.error().kind == FaultKind::Closed ? Result<>() : done;
}

Result<> Leader::take_office(std::int64_t token) {
  if (Result<> claimed = office_.claim(token); !claimed) return claimed;
  if (Result<> read = read_served(); !read) return read;
  if (Result<> read = read_runs(); !read) return read;
  // A predecessor's interval goes on. Its clock is not ours, so neither more nor less than that.
  const auto interval = std::chrono::duration_cast<milliseconds>(options_.every);
  const milliseconds passed(
      std::clamp<std::int64_t>(now_ms() - office_.record().started_ms, 0, interval.count()));
  next_ = steady_clock::now() + interval - passed;
  clean();
  return {};
}

/// The run that a predecessor has begun and not ended. Read behind the claim of office: from then
/// on no other leader adds one.
Result<> Leader::read_runs() {
  active_.reset();
  for (const std::string& path : {place_.requests(), place_.runs()}) {
    const std::string fault = make_path(store_, path);
    if (!fault.empty()) return Fault{FaultKind::Connection, fault};
  }
  const auto names = qc::SyncRetry(store_, patience()).get_children(place_.runs());
  if (!names) return Fault{FaultKind::Connection, names.message};
  for (const std::string& name : names.value.children) {
    const auto got = qc::SyncRetry(store_, patience()).get_data(place_.runs() + "/" + name);
    if (got.code == qc::Code::NoNode) continue;
    if (!got) return Fault{FaultKind::Connection, got.message};
    auto record = run_record_of(got.value.data.value_or(""));
    if (!record || record->state != RunState::Running || record->run <= served_.run) continue;
    if (!active_ || record->run > active_->run) active_ = std::move(record);
  }
  if (active_) say("goes on with run " + std::to_string(active_->run));
  return {};
}

Result<> Leader::read_served() {
  const auto got = qc::SyncRetry(store_, patience()).get_data(common_.path("serving/current"));
  if (got.code == qc::Code::NoNode) {
    served_ = {};
    served_version_ = -1;
    return {};
  }
  if (!got) return Fault{FaultKind::Connection, got.message};
  auto generation = generation_of(got.value.data.value_or(""));
  if (!generation) {
    return Fault{FaultKind::Damaged,
                 common_.path("serving/current") + " is no generation; another program's znode?"};
  }
  served_ = std::move(*generation);
  served_version_ = got.value.stat.version;
  return {};
}

/// Requests without those that were answered: the board may not know yet that they are gone.
std::vector<std::string> Leader::open_requests() const {
  std::vector<std::string> open;
  board_.read([&](const RunBoard& board) {
    for (const std::string& request : board.requests()) {
      if (answered_.count(request) == 0) open.push_back(request);
    }
  });
  return open;
}

std::optional<Moment> Leader::due() const {
  if (active_) return std::nullopt;
  if (!open_requests().empty()) return not_before_;
  if (options_.every.count() == 0) return std::nullopt;
  return std::max(next_, not_before_);
}

Result<> Leader::step() {
  if (active_) return step_run();
  const auto when = due();
  if (!when || steady_clock::now() < *when) return {};
  Result<RunRecord> started = start_run();
  if (!started) return started.error();
  next_ = steady_clock::now() + options_.every;
  active_ = std::move(*started);
  say("run " + std::to_string(active_->run) + ": " + std::to_string(active_->maps) + " maps, " +
      std::to_string(active_->parts) + " parts");
  return {};
}

Result<> Leader::step_run() {
  std::optional<TaskResult> merged;
  std::string failure;
  std::uint64_t damaged = 0;
  board_.read([&](const RunBoard& board) {
    const auto at = board.runs().find(active_->run);
    if (at == board.runs().end()) return;
    for (const auto& [task, result] : at->second.results) damaged += result.damaged;
    const auto result = at->second.results.find({TaskKind::Merge, 0});
    if (result != at->second.results.end()) merged = result->second;
    if (at->second.progress.failures_most() >= options_.rules.failures_max) {
      failure = at->second.last_failure;
    }
  });
  if (!merged && failure.empty()) return {};
  const RunRecord run = *active_;
  Result<> done = merged ? serve(run, *merged) : give_up(run, failure);
  if (!done) return done;
  if (damaged > 0) say(std::to_string(damaged) + " records of the bus were no events");
  active_.reset();
  clean();
  // What made it fail may last; requests that it did not answer start the next one, but not at
  // once.
  if (!merged) not_before_ = steady_clock::now() + kPauseAfterFailure;
  return {};
}

// --- A run begins ------------------------------------------------------------------------------

Result<RunRecord> Leader::start_run() {
  std::vector<std::string> requests = open_requests();
  const Result<std::uint64_t> run = office_.next_run(now_ms());
  if (!run) return run.error();
  const Result<std::vector<Offset>> cuts = mark(*run);
  if (!cuts) return cuts.error();
  if (const Result<> archived = wait_for_archive(*cuts); !archived) return archived.error();
  const Result<Plan> plan = make_plan(*run, *cuts);
  if (!plan) return plan.error();
  return publish(*plan, std::move(requests));
}

/// A mark to each partition. One whose reply was lost may be there twice: the run ends at the last.
Result<std::vector<Offset>> Leader::mark(std::uint64_t run) {
  const Result<pipeline::PartitionNumber> partitions = bus_.partitions(common_.topic);
  if (!partitions) return partitions.error();
  std::string value;
  encode(pipeline::Cut{run}, value);
  const pipeline::Record record{pipeline::kCutKey, value};
  std::vector<Offset> cuts;
  while (cuts.size() < *partitions) {
    if (!goes_on()) return stopped();
    const auto partition = static_cast<pipeline::PartitionNumber>(cuts.size());
    const Result<Offset> at = bus_.append(common_.topic, partition, {&record, 1});
    if (at) {
      cuts.push_back(*at);
    } else if (at.error().kind != FaultKind::Connection) {
      return at.error();
    }
    // Connection: append() itself has waited for the broker to come back.
  }
  return cuts;
}

Result<> Leader::wait_for_archive(const std::vector<Offset>& cuts) {
  const auto partitions = static_cast<pipeline::PartitionNumber>(cuts.size());
  const pipeline::GroupProgress progress(
      store_, common_.group(kArchiveGroup), partitions,
      [this](pipeline::PartitionNumber, Offset) { board_.ring(); });
  std::optional<Moment> warn_at = steady_clock::now() + std::chrono::seconds(5);
  while (goes_on()) {
    const std::uint64_t version = board_.read([](const RunBoard&) {});
    pipeline::PartitionNumber behind = 0;
    while (behind < partitions && progress.committed(behind) > cuts[behind]) ++behind;
    if (behind == partitions) return {};
    board_.wait_past(version, warn_at);
    if (warn_at && steady_clock::now() >= *warn_at) {
      say("waits for the archive to pass the marks; does `lambda archive` run?");
      warn_at.reset();
    }
  }
  return stopped();
}

Result<Plan> Leader::make_plan(std::uint64_t run, const std::vector<Offset>& cuts) {
  Plan plan;
  plan.run = run;
  plan.cuts = cuts;
  plan.parts = options_.parts;
  std::vector<SegmentInfo> all;
  for (pipeline::PartitionNumber partition = 0; partition < cuts.size(); ++partition) {
    const auto last = read_committed(store_, common_.group(kArchiveGroup), partition);
    if (!last) return last.error();
    const auto list = SegmentList::decode(last->checkpoint.state, partition);
    const auto below = list ? segments_below(*list, cuts[partition]) : std::nullopt;
    if (!below || last->checkpoint.offset <= cuts[partition]) {
      return Fault{FaultKind::Damaged, "the archive of partition " + std::to_string(partition) +
                                           " does not end at the mark " +
                                           std::to_string(cuts[partition])};
    }
    all.insert(all.end(), below->begin(), below->end());
  }
  plan.splits = plan_splits(all, options_.splits);
  return plan;
}

Result<RunRecord> Leader::publish(const Plan& plan, std::vector<std::string> requests) {
  RunRecord record;
  record.run = plan.run;
  record.token = office_.token();
  record.maps = static_cast<std::uint32_t>(plan.splits.size());
  record.parts = plan.parts;
  record.cuts = plan.cuts;
  record.requests = std::move(requests);
  record.started_ms = now_ms();
  const std::string folder = place_.run_folder(plan.run);
  std::error_code fault;
  std::filesystem::create_directories(folder, fault);
  const std::string text = to_json(plan);
  record.plan = {"plan-" + std::to_string(office_.token()), text.size(),
                 pipeline::state_hash(text)};
  if (Result<> written = pipeline::write_file(folder, record.plan.name, text); !written) {
    return written.error();
  }
  if (Result<> made = make_nodes(record); !made) return made.error();
  return record;
}

Result<> Leader::make_nodes(const RunRecord& record) {
  const std::string path = place_.run(record.run);
  const auto make = [&] {
    qc::Transaction all = office_.begin();
    all.create(path, to_json(record));
    for (const char* below : {"/claims", "/attempts", "/done", "/failed"}) {
      all.create(path + below, "");
    }
    return all;
  };
  return office_.write(make, "plan of run " + std::to_string(record.run), [&] {
    const auto got = qc::SyncRetry(store_, patience()).get_data(path);
    return got && got.value.data == to_json(record);
  });
}

// --- A run ends ------------------------------------------------------------------------------

Result<> Leader::serve(const RunRecord& run, const TaskResult& merged) {
  const std::string current = common_.path("serving/current");
  if (const std::string fault = make_path(store_, common_.path("serving")); !fault.empty()) {
    return Fault{FaultKind::Connection, fault};
  }
  if (Result<> read = read_served(); !read) return read;
  if (served_.run >= run.run) return {};  // It was served, and only the word of it was lost.
  Generation next;
  next.run = run.run;
  next.cuts = run.cuts;
  next.file = merged.output.name;
  next.made_ms = now_ms();
  next.events = merged.events;
  next.previous_run = served_.run;
  next.previous_cuts = served_.cuts;
  next.previous_file = served_.file;
  RunRecord ended = run;
  ended.state = RunState::Served;
  const auto make = [&] {
    qc::Transaction all = office_.begin();
    if (served_version_ < 0) {
      all.create(current, to_json(next));
    } else {
      all.set_data(current, to_json(next), served_version_);
    }
    all.set_data(place_.run(run.run), to_json(ended));
    return all;
  };
  Result<> done = office_.write(make, "switch to run " + std::to_string(run.run),
                                [&] { return read_served() && served_.run >= run.run; });
  if (!done) return done;
  say("run " + std::to_string(run.run) + " served: " + std::to_string(merged.events) + " events");
  return read_served();
}

Result<> Leader::give_up(const RunRecord& run, const std::string& why) {
  RunRecord ended = run;
  ended.state = RunState::GivenUp;
  ended.why = why;
  const std::string path = place_.run(run.run);
  const auto make = [&] {
    qc::Transaction all = office_.begin();
    all.set_data(path, to_json(ended));
    return all;
  };
  say("run " + std::to_string(run.run) + " given up: " + why);
  return office_.write(make, "end of run " + std::to_string(run.run), [&] {
    const auto got = qc::SyncRetry(store_, patience()).get_data(path);
    return got && got.value.data == to_json(ended);
  });
}

/// What does not succeed is tried again after the next run. Requests go last: when whoever asked
/// sees that, all is done.
void Leader::clean() {
  clean_runs();
  forget_answered();
}

void Leader::clean_runs() {
  const std::uint64_t active = active_ ? active_->run : 0;
  const auto names = qc::SyncRetry(store_, patience()).get_children(place_.runs());
  if (!names) return;
  std::vector<std::uint64_t> runs;
  for (const std::string& name : names.value.children) {
    runs.push_back(std::strtoull(name.c_str(), nullptr, 10));
  }
  for (const std::uint64_t run : old_runs(runs, served_, active)) {
    if (!goes_on() || !remove_tree(store_, place_.run(run))) return;
  }
  for (const std::string& name : garbage(files_in(place_.folder), served_, active)) {
    std::error_code ignored;
    std::filesystem::remove_all(place_.folder + "/" + name, ignored);
  }
}

void Leader::forget_answered() {
  if (served_.run == 0 || !goes_on()) return;
  const auto last = qc::SyncRetry(store_, patience()).get_data(place_.run(served_.run));
  const auto record = last ? run_record_of(last.value.data.value_or("")) : std::nullopt;
  if (!record) return;
  answered_ = {record->requests.begin(), record->requests.end()};
  for (const std::string& request : record->requests) {
    if (!qc::SyncRetry(store_, patience()).remove(place_.requests() + "/" + request)) return;
  }
}

}  // namespace lambda_app
