// The batch layer's map and reduce in one process, without Quorate: to measure them, and to try
// them on a file.
#pragma once

#include <string>

#include "examples/pipeline/program/arguments.h"

namespace lambda_app {

/// lambda batch --local FOLDER [FILE...] [--slots N] [--parts N] [--segment-mb N] [--split-mb N]
///              [--answers [--top N]]
///
/// Parses the log files, if there are any, to segments in FOLDER/segments; then runs map, shuffle,
/// reduce and merge over all segments there, with the functions that workers use. Prints one JSON
/// object: what was read (bytes, lines, bad), what came out (events, duplicates, view), and
/// milliseconds of each step; with --answers what `pipeline-tool aggregate` says, too.
int batch_locally(pipeline_program::Arguments& arguments, const std::string& folder);

}  // namespace lambda_app
