# What can be chosen at configure time, and the flags that follow from it.

option(QUORATE_TESTS "Build unit tests, simulator, benchmarks" ON)
option(QUORATE_FUZZ "Build the libFuzzer targets (needs clang)" OFF)
option(QUORATE_COVERAGE "Instrument for gcov" OFF)
set(QUORATE_SANITIZE "" CACHE STRING "Value for -fsanitize=, e.g. address,undefined")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_CXX_VISIBILITY_PRESET hidden)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

# Line tables only: full debug information doubles link time and cache size.
string(REPLACE "-g" "-g1" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
# ENSURE is on in every build; NDEBUG only silences the assert() of libraries.

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                    -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these inside the standard library for correct code (GCC bugs 105329, 105562).
  add_compile_options(-Wno-restrict -Wno-maybe-uninitialized -Wno-array-bounds
                      -Wno-stringop-overflow -Wno-stringop-overread -Wno-dangling-pointer
                      -Wno-free-nonheap-object)
else()
  add_compile_options(-Wno-unknown-warning-option)
endif()

if(QUORATE_SANITIZE)
  # Sanitizers take a third less time to compile so.
  string(REPLACE "-O2" "-O1" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
  # Inlined by half, Asio's operator new of a coroutine's frame looks like another's.
  add_compile_options(-Wno-mismatched-new-delete)
  add_compile_options(-fsanitize=${QUORATE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${QUORATE_SANITIZE})
  if(QUORATE_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)  # g++ has no model of std::atomic_thread_fence; we use none.
  endif()
endif()
if(QUORATE_FUZZ)
  # Everything tells the fuzzer which edges it took; only the targets link its main().
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()
if(QUORATE_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

find_program(QUORATE_CCACHE ccache)
if(QUORATE_CCACHE)
  # pch_defines and time_macros: what ccache asks for before it caches with precompiled headers.
  # Base folder and no-hash-dir: a clone elsewhere finds what this one has compiled. Debug paths may
  # then name the clone that compiled first.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${QUORATE_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()

# Where Debian's packages have libraries, below /usr.
set(QUORATE_DEBIAN_LIBRARIES "lib")
if(CMAKE_LIBRARY_ARCHITECTURE)
  set(QUORATE_DEBIAN_LIBRARIES "lib/${CMAKE_LIBRARY_ARCHITECTURE}")
endif()
