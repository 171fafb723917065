# `cmake --install BUILD --component client`: headers, libraries, find_package(quorate), pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(QUORATE_MINIMUM_BOOST 1.81)
# A folder of their own, as the headers keep the names they have in the source tree.
set(QUORATE_HEADERS "${CMAKE_INSTALL_INCLUDEDIR}/quorate-client")
install(DIRECTORY include/quorate DESTINATION "${QUORATE_HEADERS}" COMPONENT client
        FILES_MATCHING PATTERN "*.h")
foreach(header base/ids.h base/result.h znode/proto/code.h znode/proto/error.h znode/proto/types.h)
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES "${PROJECT_SOURCE_DIR}/${header}" DESTINATION "${QUORATE_HEADERS}/${folder}"
          COMPONENT client)
endforeach()
install(TARGETS quorate_client quorate_proto quorate_base
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT client)
if(TARGET quorate_shared)
  install(TARGETS quorate_shared LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT client)
endif()

set(package "${CMAKE_INSTALL_LIBDIR}/cmake/quorate")
configure_package_config_file(quorateConfig.cmake.in
  "${CMAKE_CURRENT_BINARY_DIR}/quorateConfig.cmake" INSTALL_DESTINATION "${package}"
  PATH_VARS QUORATE_HEADERS CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/quorateConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/quorateConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/quorateConfigVersion.cmake"
        DESTINATION "${package}" COMPONENT client)
foreach(name quorate quorate-static)
  configure_file(${name}.pc.in ${name}.pc @ONLY)
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/${name}.pc"
          DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT client)
endforeach()
