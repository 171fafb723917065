// A generation as the command line tells it.
#pragma once

#include "examples/kappa/generation.h"
#include "examples/pipeline/program/arguments.h"
#include "examples/pipeline/result.h"

namespace kappa_app {

/// --generation N [--gap-ms N] [--depth N] [--granularity minute|hour|day] [--code NAME].
/// BadArgument: what of it is wrong.
pipeline::Result<Generation> declared_in(pipeline_program::Arguments& arguments);

/// Whether one of the options is there.
bool says_options(pipeline_program::Arguments& arguments);

}  // namespace kappa_app
