// What the commands that ask Quorate have in common.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "examples/pipeline/checkpoints.h"
#include "examples/pipeline/summary.h"
#include "examples/pipeline/tool/arguments.h"

namespace pipeline_tool {

inline constexpr int kNoServer = 3;  ///< Exit code.

void say(const std::string& line);  ///< On standard output, at once.

/// A connected client, or nothing and a word on standard error.
std::unique_ptr<pipeline::qc::SyncClient> connect(const std::string& hosts,
                                                  std::chrono::milliseconds session_timeout);

pipeline::GroupPlace place_of(Arguments& arguments);
pipeline::SummaryOptions summary_options(Arguments& arguments);

}  // namespace pipeline_tool
