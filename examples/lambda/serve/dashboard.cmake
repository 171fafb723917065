# Included by ../CMakeLists.txt: the dashboard's files become a source of lambda_lib.
set(dashboard_folder "${CMAKE_CURRENT_SOURCE_DIR}/dashboard")
set(dashboard_source "${CMAKE_CURRENT_BINARY_DIR}/dashboard_files.cc")
file(GLOB dashboard_found CONFIGURE_DEPENDS "${dashboard_folder}/*")
add_custom_command(
  OUTPUT "${dashboard_source}"
  COMMAND "${CMAKE_COMMAND}" "-DOUT=${dashboard_source}" "-DFOLDER=${dashboard_folder}"
          -P "${CMAKE_CURRENT_SOURCE_DIR}/serve/dashboard_files.cmake"
  DEPENDS ${dashboard_found} "${CMAKE_CURRENT_SOURCE_DIR}/serve/dashboard_files.cmake"
  VERBATIM)
target_sources(lambda_lib PRIVATE "${dashboard_source}")
