// What pipeline-tool does; each returns the exit code.
#pragma once

#include <string_view>

#include "examples/pipeline/program/arguments.h"

namespace pipeline_program {

int generate(Arguments& arguments);
int parse(Arguments& arguments);
int aggregate(Arguments& arguments);

int broker(Arguments& arguments);
int produce(Arguments& arguments);
int consume(Arguments& arguments);
int view(Arguments& arguments);

/// Prints why and returns the exit code of a usage error (2) or of a failure (1).
int refuse(std::string_view fault);
int fail(std::string_view fault);

}  // namespace pipeline_program
