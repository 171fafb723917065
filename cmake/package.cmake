# `cpack -G DEB` in a build folder of the release preset makes
#
#   quorate                 the programs
#   libquorate0.1           the client library; the number is that of its SONAME
#   libquorate-dev          its headers, static library, CMake and pkg-config files
#   libquorate-testing-dev  quorate::testing, a server in a test's process
#
# `cpack -G DEB -D CPACK_COMPONENTS_ALL=server` the first alone.
include(GNUInstallDirs)

set(programs quorate-server quorate-shell quorate-run quorate-bench)
foreach(program IN LISTS programs)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION bin COMPONENT server)
  endif()
endforeach()
install(FILES packaging/debian/zoo.cfg DESTINATION /etc/quorate COMPONENT server)
install(FILES packaging/quorate.service DESTINATION /lib/systemd/system COMPONENT server)
install(FILES packaging/zoo.cfg DESTINATION share/doc/quorate/examples COMPONENT server)
install(FILES LICENSE DESTINATION share/doc/quorate RENAME copyright COMPONENT server)
install(FILES README.md CHANGELOG.md DESTINATION share/doc/quorate COMPONENT server)
install(FILES shell/quorate-shell.1 DESTINATION share/man/man1 COMPONENT server)
install(FILES shell/completion/quorate-shell.bash DESTINATION share/bash-completion/completions
        RENAME quorate-shell COMPONENT server)
install(FILES shell/completion/_quorate-shell DESTINATION share/zsh/vendor-completions COMPONENT server)
file(GLOB pages CONFIGURE_DEPENDS docs/*.md)
install(FILES ${pages} DESTINATION share/doc/quorate COMPONENT server)

# Where the header of quorate::testing and the files of the library itself are installed from:
# server/testing/install.cmake, client-lib/install.cmake.
set(library "libquorate${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
set(packages libquorate ${library} libquorate_dev libquorate-dev
             libquorate_testing libquorate-testing-dev)
while(packages)
  list(POP_FRONT packages component name)
  install(FILES LICENSE DESTINATION share/doc/${name} RENAME copyright
          COMPONENT ${component} EXCLUDE_FROM_ALL)
endwhile()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME quorate)
set(CPACK_PACKAGE_VENDOR "Quorate")
set(CPACK_PACKAGE_CONTACT "Quorate developers <quorate@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL server)
if(TARGET quorate_shared)
  list(APPEND CPACK_COMPONENTS_ALL libquorate libquorate_dev libquorate_testing)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)

# The first line of a description is the summary.
set(CPACK_DEBIAN_SERVER_PACKAGE_NAME quorate)
set(CPACK_DEBIAN_SERVER_PACKAGE_SECTION net)
# The library loads the module of DIGEST-MD5 by itself: no program names it.
set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS "adduser, libsasl2-modules")
# Loaded by name where Kerberos is configured.
set(CPACK_DEBIAN_SERVER_PACKAGE_RECOMMENDS "libgssapi-krb5-2")
set(CPACK_DEBIAN_SERVER_DESCRIPTION
    "coordination service, compatible with Apache ZooKeeper
A small tree of nodes, kept alike on several servers, for election, locks and configuration.
Speaks ZooKeeper's protocols and reads zoo.cfg.")
set(maintainer "${PROJECT_SOURCE_DIR}/packaging/debian")
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA
    "${maintainer}/postinst;${maintainer}/prerm;${maintainer}/postrm;${maintainer}/conffiles")

set(CPACK_DEBIAN_LIBQUORATE_PACKAGE_NAME ${library})
set(CPACK_DEBIAN_LIBQUORATE_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBQUORATE_DESCRIPTION
    "client of ZooKeeper and Quorate for C++, shared library
Sessions that survive lost connections, locks, leader election and the other recipes.")

set(CPACK_DEBIAN_LIBQUORATE_DEV_PACKAGE_NAME libquorate-dev)
set(CPACK_DEBIAN_LIBQUORATE_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBQUORATE_DEV_PACKAGE_DEPENDS "${library} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_LIBQUORATE_DEV_PACKAGE_RECOMMENDS
    "libboost1.81-dev | libboost-dev (>= 1.81), libssl-dev")
set(CPACK_DEBIAN_LIBQUORATE_DEV_DESCRIPTION
    "client of ZooKeeper and Quorate for C++, development files
Headers, the static library, and what CMake and pkg-config find them by. The blocking face needs
nothing else, the Asio face the headers of Boost, the static library those of OpenSSL.")

set(CPACK_DEBIAN_LIBQUORATE_TESTING_PACKAGE_NAME libquorate-testing-dev)
set(CPACK_DEBIAN_LIBQUORATE_TESTING_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBQUORATE_TESTING_PACKAGE_DEPENDS
    "libquorate-dev (= ${PROJECT_VERSION}), libleveldb-dev, libsnappy-dev, libxxhash-dev, zlib1g-dev, libssl-dev, libspdlog-dev, libsasl2-dev")
set(CPACK_DEBIAN_LIBQUORATE_TESTING_DESCRIPTION
    "a Quorate server inside a test's own process
The server as a static library, for the tests of programs that use Quorate or ZooKeeper.")
include(CPack)
