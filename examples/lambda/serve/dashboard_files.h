// The files of dashboard/, which CMake puts into the program (dashboard_files.cmake).
#pragma once

#include <string_view>

namespace lambda_app {

struct DashboardFile {
  std::string_view path;  ///< "/dashboard.js"
  std::string_view content_type;
  std::string_view bytes;
};

/// Nothing: no such file. "/" is index.html.
const DashboardFile* find_dashboard_file(std::string_view path);

}  // namespace lambda_app
