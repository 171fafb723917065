// The subcommands of `kappa`; each returns the exit code: 0 done, 1 failed or refused, 2 usage, 3
// no server of Quorate within 30 s. `work` and `serve` print "ready ..." once they take part, and
// end with 0 on SIGINT and SIGTERM.
#pragma once

#include <string_view>

#include "examples/pipeline/program/arguments.h"
#include "examples/pipeline/result.h"

namespace kappa_app {

int start(pipeline_program::Arguments& arguments);
int work(pipeline_program::Arguments& arguments);
int switch_active(pipeline_program::Arguments& arguments);
int rollback(pipeline_program::Arguments& arguments);
int retire(pipeline_program::Arguments& arguments);
int generations(pipeline_program::Arguments& arguments);
int view(pipeline_program::Arguments& arguments);
int serve(pipeline_program::Arguments& arguments);

/// Print why and return the exit code of a usage error (2) or of a failure (1).
int refuse(std::string_view fault);
void print_usage();
int fail(const pipeline::Fault& fault);

}  // namespace kappa_app
