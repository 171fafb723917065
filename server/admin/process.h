// What the operating system says about this process and its files.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace quorate::server {

std::int64_t open_descriptors();
std::int64_t descriptor_limit();  ///< Of open descriptors.

struct ProcessFigures {
  double cpu_seconds = 0, start_seconds = 0;  ///< Start: since 1970.
  std::int64_t resident_bytes = 0, virtual_bytes = 0;
};
ProcessFigures process_figures();

/// Bytes of all files below `folder`; what vanishes meanwhile counts nothing.
std::uintmax_t bytes_below(const std::string& folder);

/// The lines of the word envi behind the version: host, system, user, memory. Keys that only a JVM
/// has are left out.
std::vector<std::pair<std::string, std::string>> environment();

}  // namespace quorate::server
