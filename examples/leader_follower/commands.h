// What is asked of a pool from outside: submit jobs, wait, look at results and at the state.
#pragma once

#include "examples/leader_follower/options.h"

namespace leader_follower {

/// The exit code: 0 done, 1 failed (said on the standard error), 3 no server.
int run_command(const Options& options);

}  // namespace leader_follower
