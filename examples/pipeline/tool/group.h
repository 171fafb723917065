// What the commands that ask Quorate have in common.
#pragma once

#include "examples/pipeline/checkpoints.h"
#include "examples/pipeline/program/arguments.h"
#include "examples/pipeline/program/connect.h"
#include "examples/pipeline/summary.h"

namespace pipeline_program {

pipeline::GroupPlace place_of(Arguments& arguments);
pipeline::SummaryOptions summary_options(Arguments& arguments);

}  // namespace pipeline_program
