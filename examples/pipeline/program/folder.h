// The folder that a program's processes share.
#pragma once

#include <string>

namespace pipeline_program {

/// Makes it, and those above it, where they are missing. Why it cannot be had, or "": better said
/// at the start than by the first large checkpoint.
std::string make_folder(const std::string& path);

}  // namespace pipeline_program
