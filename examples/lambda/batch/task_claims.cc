#include "examples/lambda/batch/task_claims.h"

#include "quorate/sync_retry.h"

namespace lambda_app {

namespace {

qc::RetryPolicy patience() {
  return qc::RetryPolicy(std::chrono::seconds(30));
}

}  // namespace

bool outcome_unknown(qc::Code code) {
  return code == qc::Code::ConnectionLoss || code == qc::Code::OperationTimeout ||
         code == qc::Code::RequestTimeout;
}

ClaimOutcome TaskClaims::claim(const Claim& claim) {
  const std::string attempt = path(claim, "attempts/" + claim.attempt);
  while (true) {
    qc::Transaction both;
    both.create(path(claim, "claims/" + name_of(claim.name)), claim.worker,
                qc::CreateMode::Ephemeral);
    both.create(attempt, name_of(claim.name), qc::CreateMode::Ephemeral);
    const auto made = members_.commit(std::move(both));
    if (made) return ClaimOutcome::Won;
    // Busy: another was faster, or the run is gone. The board will say so in a moment.
    if (made.code == qc::Code::NodeExists || made.code == qc::Code::NoNode) {
      const auto own = qc::SyncRetry(members_, patience()).exists(attempt);
      if (own) return ClaimOutcome::Won;  // An earlier try of this loop, whose reply was lost.
      return own.code == qc::Code::NoNode ? ClaimOutcome::Busy : ClaimOutcome::SessionOver;
    }
    if (!outcome_unknown(made.code)) return ClaimOutcome::SessionOver;
    // Waits for a connection, or for the session's end.
    const auto seen = qc::SyncRetry(members_, patience()).exists(attempt);
    if (seen) return ClaimOutcome::Won;
    if (seen.code != qc::Code::NoNode) return ClaimOutcome::SessionOver;
  }
}

CommitOutcome TaskClaims::commit(const Claim& claim, const TaskResult& result) {
  const std::string done = path(claim, "done/" + name_of(claim.name.task));
  while (true) {
    qc::Transaction all;
    all.remove(path(claim, "attempts/" + claim.attempt));
    all.create(done, to_json(result));
    all.remove(path(claim, "claims/" + name_of(claim.name)));
    const auto made = store_.commit(std::move(all));
    if (made) return CommitOutcome::Won;
    if (!outcome_unknown(made.code) && made.code != qc::Code::NodeExists &&
        made.code != qc::Code::NoNode) {
      return CommitOutcome::SessionOver;
    }
    const auto found = qc::SyncRetry(store_, patience()).get_data(done);
    if (!found && found.code != qc::Code::NoNode) return CommitOutcome::SessionOver;
    if (found) {
      const auto first = task_result_of(found.value.data.value_or(""));
      if (first && first->attempt == claim.attempt) return CommitOutcome::Won;
    }
    if (made.code == qc::Code::NoNode) return CommitOutcome::Refused;
    if (made.code == qc::Code::NodeExists) return CommitOutcome::Second;
  }
}

CommitOutcome TaskClaims::fail(const Claim& claim, const std::string& why) {
  const std::string attempt = path(claim, "attempts/" + claim.attempt);
  bool asked_before = false;
  while (true) {
    qc::Transaction all;
    all.remove(attempt);
    all.create(path(claim, "failed/" + name_of(claim.name.task) + "-"), why,
               qc::CreateMode::PersistentSequential);
    all.remove(path(claim, "claims/" + name_of(claim.name)));
    const auto made = store_.commit(std::move(all));
    if (made) return CommitOutcome::Won;
    if (made.code == qc::Code::NoNode) {
      return asked_before ? CommitOutcome::Won : CommitOutcome::Refused;
    }
    asked_before = true;  // From here on it may have been carried out.
    if (!outcome_unknown(made.code) || !qc::SyncRetry(store_, patience()).sync(attempt)) {
      return CommitOutcome::SessionOver;
    }
  }
}

void TaskClaims::give_back(const Claim& claim) {
  // What does not succeed here goes with the session.
  members_.remove(path(claim, "attempts/" + claim.attempt));
  members_.remove(path(claim, "claims/" + name_of(claim.name)));
}

}  // namespace lambda_app
