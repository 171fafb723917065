// The lines by which a worker tells what it does; scripts and tests wait for them.
#pragma once

#include <string>

#include "examples/leader_follower/options.h"

namespace leader_follower {

/// "ID: TEXT" on the standard output, at once.
void say(const Options& options, const std::string& text);
/// The same on the standard error.
void complain(const Options& options, const std::string& text);

}  // namespace leader_follower
