#include "examples/lambda/batch/run_board.h"

#include <charconv>

namespace lambda_app {

namespace {

constexpr std::string_view kCopy = ".copy";

/// What follows `prefix` and '/' in `path`; nothing if it lies elsewhere.
std::optional<std::string_view> below(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix) || path.size() <= prefix.size() + 1 || path[prefix.size()] != '/') {
    return std::nullopt;
  }
  return path.substr(prefix.size() + 1);
}

}  // namespace

std::string name_of(const ClaimName& claim) {
  return name_of(claim.task) + (claim.copy ? std::string(kCopy) : "");
}

std::optional<ClaimName> claim_of(std::string_view name) {
  const bool copy = name.ends_with(kCopy);
  if (copy) name.remove_suffix(kCopy.size());
  const auto task = task_of(name);
  if (!task) return std::nullopt;
  return ClaimName{*task, copy};
}

void RunBoard::apply(const qc::TreeEvent& event, Moment now) {
  const bool removed = event.type == qc::TreeEvent::Type::Removed;
  if (const auto request = below(event.path, place_.requests())) {
    if (removed) {
      requests_.erase(std::string(*request));
    } else {
      requests_.insert(std::string(*request));
    }
    return;
  }
  const auto tail = below(event.path, place_.runs());
  if (!tail) return;
  std::uint64_t number = 0;
  const char* const end = tail->data() + tail->size();
  const auto [stop, fault] = std::from_chars(tail->data(), end, number);
  if (fault != std::errc() || (stop != end && *stop != '/')) return;
  if (stop == end && removed) {
    runs_.erase(number);
  } else {
    apply_to_run(number,
                 stop == end ? "" : tail->substr(static_cast<std::size_t>(stop + 1 - tail->data())),
                 event, now);
  }
}

void RunBoard::apply_to_run(std::uint64_t number, std::string_view tail, const qc::TreeEvent& event,
                            Moment now) {
  const bool removed = event.type == qc::TreeEvent::Type::Removed;
  if (removed && runs_.count(number) == 0) return;  // Its own node went first.
  Run& run = runs_[number];
  if (tail.empty()) {
    run.record = run_record_of(event.node.data);
    if (!run.record) return;
    run.progress.maps = run.record->maps;
    run.progress.parts = run.record->parts;
  } else if (const auto claimed = below(tail, "claims")) {
    const auto claim = claim_of(*claimed);
    if (!claim) return;
    const std::string name(*claimed);
    run.claims.erase(name);
    if (!removed) run.claims[name] = {event.node.data, claim->copy, now};
    set_claims(run, claim->task);
  } else if (const auto done = below(tail, "done")) {
    const auto task = task_of(*done);
    const auto result = task_result_of(event.node.data);
    if (removed || !task || !result || run.progress.done(*task)) return;
    run.progress.tasks[*task].done = true;
    run.progress.took[task->kind].emplace_back(result->took_ms);
    run.results[*task] = *result;
  } else if (const auto failed = below(tail, "failed")) {
    const auto task = task_of(failed->substr(0, failed->rfind('-')));
    if (removed || !task) return;
    ++run.progress.tasks[*task].failures;
    run.last_failure = std::string(*failed) + ": " + event.node.data;
  }
}

void RunBoard::set_claims(Run& run, TaskId task) {
  std::vector<TaskClaim>& claims = run.progress.tasks[task].claims;
  claims.clear();
  for (const bool copy : {false, true}) {
    const auto at = run.claims.find(name_of(ClaimName{task, copy}));
    if (at != run.claims.end()) claims.push_back(at->second);
  }
}

const Run* RunBoard::active() const {
  for (auto at = runs_.rbegin(); at != runs_.rend(); ++at) {
    if (at->second.record && at->second.record->state == RunState::Running) return &at->second;
  }
  return nullptr;
}

}  // namespace lambda_app
