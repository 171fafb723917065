// One process's part in a job, from joining to the published result.
#pragma once

#include <string>

#include "examples/leader_follower/job.h"
#include "examples/leader_follower/options.h"

namespace leader_follower {

/// How one session of a worker ended.
enum class Outcome { Done, SessionOver, NoConnection, Failed };

/// Joins with a new session, counts, leads when elected, until the job is done or the session ends.
/// After SessionOver it may simply be called again. `log` is the whole log.
Outcome work(const Options& options, const std::string& log);

/// Prints the published counts to stdout, or writes them to options.out.
Outcome print_result(const Options& options);

}  // namespace leader_follower
