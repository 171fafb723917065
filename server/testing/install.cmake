# `cmake --install BUILD --component testing`: the headers and one archive. All that the server is made
# of becomes one object with the names of quorate::testing only: whatever Boost a test program uses,
# and whichever libquorate, nothing of theirs meets ours.
include(GNUInstallDirs)

set(parts quorate_app quorate_net quorate_admin quorate_real_storage quorate_log_storage
          quorate_replica quorate_sasl quorate_config quorate_log quorate_znode quorate_proto quorate_consensus
          quorate_base)
set(files)
foreach(part IN LISTS parts)
  get_target_property(type ${part} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    list(APPEND files "$<TARGET_FILE:${part}>")
  endif()
endforeach()
set(object "${CMAKE_CURRENT_BINARY_DIR}/quorate_testing_all.o")
set(archive "${CMAKE_CURRENT_BINARY_DIR}/installed/libquorate_testing.a")
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/installed")
add_custom_command(OUTPUT "${archive}"
  COMMAND "${CMAKE_LINKER}" -r --force-group-allocation -o "${object}"
          --whole-archive $<TARGET_FILE:quorate_testing> --no-whole-archive
          --start-group ${files} --end-group
  # Unique symbols, which inline variables have, can be made local only when they are weak.
  COMMAND sh -c "\"$1\" \"$2\" | sed -n 's/^[0-9a-f]* u //p' >\"$2.unique\"" -
          "${CMAKE_NM}" "${object}"
  COMMAND "${CMAKE_OBJCOPY}" --strip-debug "--weaken-symbols=${object}.unique" "${object}"
  COMMAND "${CMAKE_OBJCOPY}" --wildcard
          "--keep-global-symbol=_ZN7quorate7testing*" "--keep-global-symbol=_ZNK7quorate7testing*"
          "--keep-global-symbol=_ZT?N7quorate7testing*" "${object}"
  COMMAND "${CMAKE_COMMAND}" -E rm -f "${archive}"
  COMMAND "${CMAKE_AR}" rcsD "${archive}" "${object}"
  DEPENDS quorate_testing ${parts}
  COMMENT "One object for libquorate_testing.a" VERBATIM)
add_custom_target(quorate_testing_archive ALL DEPENDS "${archive}")

# Once more for the package of Debian (cmake/package.cmake).
function(quorate_install_testing component libraries)
  install(FILES "${archive}" DESTINATION "${libraries}" COMPONENT ${component} ${ARGN})
  install(FILES include/quorate/testing/fake.h include/quorate/testing/server.h
          DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/quorate-client/quorate/testing"
          COMPONENT ${component} ${ARGN})
endfunction()
quorate_install_testing(testing "${CMAKE_INSTALL_LIBDIR}")
quorate_install_testing(libquorate_testing "${QUORATE_DEBIAN_LIBRARIES}" EXCLUDE_FROM_ALL)
