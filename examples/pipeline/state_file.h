// Files that are written once, whole, and then named by somebody.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "examples/pipeline/result.h"

namespace pipeline {

/// The file is there whole, and on the disk, when this succeeds; what had the name is replaced.
Result<> write_file(const std::string& folder, const std::string& name, std::string_view bytes);
/// Nothing if there is no such file.
Result<std::optional<std::string>> read_file(const std::string& folder, const std::string& name);
void remove_file(const std::string& folder, const std::string& name);  ///< If it is there.
/// Removes what is named `prefix` and then three numbers with '-' between them, but for `keep`:
/// what earlier owners of a checkpoint have left.
void remove_files_of(const std::string& folder, const std::string& prefix, const std::string& keep);

}  // namespace pipeline
