#include "examples/pipeline/program/folder.h"

#include <filesystem>
#include <system_error>

namespace pipeline_program {

std::string make_folder(const std::string& path) {
  std::error_code fault;
  std::filesystem::create_directories(path, fault);
  return fault ? "--folder " + path + ": " + fault.message() : "";
}

}  // namespace pipeline_program
