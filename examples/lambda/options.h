// What all subcommands have in common on the command line, and how they say that something is
// wrong.
#pragma once

#include <string>
#include <string_view>

#include "examples/lambda/places.h"
#include "examples/pipeline/program/arguments.h"

namespace lambda_app {

/// --connect HOSTS, --root PATH, --bus BUS, --topic NAME, --folder FOLDER, --id NAME,
/// --session-timeout-ms N. Without --id, the process's number.
Common common_of(pipeline_program::Arguments& arguments);
/// What is wrong with it, or "".
std::string fault_of(const Common& common);

/// Prints why, with the usage, and returns the exit code of a usage error: 2.
int refuse(std::string_view fault);
/// Prints why and returns the exit code of a failure: 1.
int fail(std::string_view fault);
void print_usage();

}  // namespace lambda_app
