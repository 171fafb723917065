// One process's part in a pool: a member that does jobs, and a candidate that leads when elected.
#pragma once

#include <optional>
#include <string>

#include "examples/leader_follower/board.h"
#include "examples/leader_follower/leader.h"
#include "examples/leader_follower/options.h"
#include "examples/leader_follower/stop.h"

namespace leader_follower {

/// How one session of a worker ended.
enum class Outcome { Stopped, SessionOver, NoConnection, Failed };

/// A commit whose session ended before there was an answer.
struct LateCommit {
  Claim claim;
  std::string result;
};

/// What a session left open. The next one asks for it with the tokens of then, because nobody here
/// can know whether it is too late: the board can.
struct Late {
  std::optional<LateCommit> commit;
  std::optional<LatePlan> plan;
};

/// Joins with a new session, does jobs, leads when elected, until `stop` is asked for or the
/// session ends. After SessionOver it may simply be called again, with the same `late`.
Outcome work(const Options& options, Stop& stop, Late& late);

}  // namespace leader_follower
