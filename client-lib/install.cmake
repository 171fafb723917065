# `cmake --install BUILD --component client`: headers, libraries, find_package(quorate), pkg-config.
# The same once more, parted in two, for the packages of Debian (cmake/package.cmake).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(QUORATE_MINIMUM_BOOST 1.81)
# A folder of their own, as the headers keep the names they have in the source tree.
set(QUORATE_HEADERS "${CMAKE_INSTALL_INCLUDEDIR}/quorate-client")

function(quorate_install_headers component)
  install(DIRECTORY include/quorate DESTINATION "${QUORATE_HEADERS}" COMPONENT ${component} ${ARGN}
          FILES_MATCHING PATTERN "*.h")
  foreach(header base/ids.h base/result.h znode/proto/code.h znode/proto/error.h znode/proto/types.h)
    get_filename_component(folder ${header} DIRECTORY)
    install(FILES "${PROJECT_SOURCE_DIR}/${header}" DESTINATION "${QUORATE_HEADERS}/${folder}"
            COMPONENT ${component} ${ARGN})
  endforeach()
endfunction()

# Where programs find the libraries in the folder `libraries` below the prefix.
function(quorate_install_config component libraries)
  set(QUORATE_LIBRARIES "${libraries}")
  set(made "${CMAKE_CURRENT_BINARY_DIR}/${component}")
  set(package "${libraries}/cmake/quorate")
  configure_package_config_file(quorateConfig.cmake.in "${made}/quorateConfig.cmake"
    INSTALL_DESTINATION "${package}" PATH_VARS QUORATE_HEADERS QUORATE_LIBRARIES)
  write_basic_package_version_file("${made}/quorateConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion)
  install(FILES "${made}/quorateConfig.cmake" "${made}/quorateConfigVersion.cmake"
          DESTINATION "${package}" COMPONENT ${component} ${ARGN})
  string(REGEX REPLACE "[^/]+" ".." QUORATE_UP "${libraries}")
  foreach(name quorate quorate-static)
    configure_file(${name}.pc.in "${made}/${name}.pc" @ONLY)
    install(FILES "${made}/${name}.pc" DESTINATION "${libraries}/pkgconfig"
            COMPONENT ${component} ${ARGN})
  endforeach()
endfunction()

function(quorate_install_archives component libraries)
  install(TARGETS quorate_client quorate_proto quorate_base
          ARCHIVE DESTINATION "${libraries}" COMPONENT ${component} ${ARGN})
endfunction()

quorate_install_headers(client)
quorate_install_config(client "${CMAKE_INSTALL_LIBDIR}")
quorate_install_archives(client "${CMAKE_INSTALL_LIBDIR}")
if(TARGET quorate_shared)
  install(TARGETS quorate_shared LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT client)

  set(libraries "${QUORATE_DEBIAN_LIBRARIES}")
  quorate_install_headers(libquorate_dev EXCLUDE_FROM_ALL)
  quorate_install_config(libquorate_dev "${libraries}" EXCLUDE_FROM_ALL)
  quorate_install_archives(libquorate_dev "${libraries}" EXCLUDE_FROM_ALL)
  # CPACK_STRIP_FILES leaves archives as they are.
  install(CODE "
    if(CMAKE_INSTALL_DO_STRIP)
      file(GLOB made \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${libraries}/*.a\")
      execute_process(COMMAND \"${CMAKE_STRIP}\" --strip-debug --enable-deterministic-archives
                      \${made} COMMAND_ERROR_IS_FATAL ANY)
    endif()" COMPONENT libquorate_dev EXCLUDE_FROM_ALL)
  install(TARGETS quorate_shared LIBRARY DESTINATION "${libraries}" COMPONENT libquorate
          EXCLUDE_FROM_ALL NAMELINK_SKIP)
  install(TARGETS quorate_shared LIBRARY DESTINATION "${libraries}" COMPONENT libquorate_dev
          EXCLUDE_FROM_ALL NAMELINK_ONLY)
endif()
