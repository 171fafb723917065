// Claiming a task and committing its result: each one transaction, so that of all attempts one is
// taken.
#pragma once

#include <string>

#include "examples/lambda/batch/run_board.h"
#include "quorate/sync_client.h"

namespace lambda_app {

/// A task that this worker is at.
struct Claim {
  std::uint64_t run = 0;
  ClaimName name;
  std::string worker;
  std::string attempt;  ///< Used once, ever: names the output and the node that proves the claim.
};

enum class ClaimOutcome { Won, Busy, SessionOver };
enum class CommitOutcome {
  Won,
  Second,       ///< Another attempt was first; both made the same bytes.
  Refused,      ///< The claim is gone with its session: this worker was taken for dead.
  SessionOver,  ///< Or Quorate is not to be reached.
};

/// Claims go through `members`, whose session carries the ephemeral nodes; results through `store`,
/// whose session is longer: a worker that was paused past the first still reaches the server, and
/// there it is the missing claim that refuses its result. Thread-safe.
class TaskClaims {
 public:
  TaskClaims(qc::SyncClient& members, qc::SyncClient& store, const BatchPlace& place)
      : members_(members), store_(store), place_(place) {}

  ClaimOutcome claim(const Claim& claim);
  CommitOutcome commit(const Claim& claim, const TaskResult& result);
  /// Tells that the attempt has failed, and gives the task back. That, too, is only for whoever
  /// still has the claim: Won, Refused or SessionOver.
  CommitOutcome fail(const Claim& claim, const std::string& why);
  /// Gives the task back without a word.
  void give_back(const Claim& claim);

 private:
  std::string path(const Claim& claim, const std::string& tail) const {
    return place_.run(claim.run) + "/" + tail;
  }

  qc::SyncClient& members_;
  qc::SyncClient& store_;
  BatchPlace place_;
};

/// Whether an answer leaves open if the request was carried out.
bool outcome_unknown(qc::Code code);

}  // namespace lambda_app
