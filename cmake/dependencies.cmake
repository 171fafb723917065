# Every third party, named once; Debian 12 packages only (scripts/setup installs them).

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 EXACT REQUIRED)  # Asio, Beast, System: header-only use.
find_package(ZLIB REQUIRED)
find_package(OpenSSL 3 REQUIRED)  # Crypto: digests of passwords; SSL: clients over TLS.
find_package(nlohmann_json 3.11 REQUIRED)
find_package(spdlog REQUIRED)
find_path(LEVELDB_INCLUDE leveldb/db.h REQUIRED)
find_library(LEVELDB_LIBRARY leveldb REQUIRED)
find_path(SNAPPY_INCLUDE snappy.h REQUIRED)
find_library(SNAPPY_LIBRARY snappy REQUIRED)
find_path(XXHASH_INCLUDE xxhash.h REQUIRED)
find_library(XXHASH_LIBRARY xxhash REQUIRED)
find_path(SASL_INCLUDE sasl/sasl.h REQUIRED)
find_library(SASL_LIBRARY sasl2 REQUIRED)
find_path(GSSAPI_INCLUDE gssapi/gssapi_ext.h REQUIRED)  # Declarations; the library is loaded where it is needed.
# Of the examples only; without it they build, and say so when they are asked for Kafka.
find_path(RDKAFKA_INCLUDE librdkafka/rdkafka.h)
find_library(RDKAFKA_LIBRARY rdkafka)

add_library(quorate_boost INTERFACE)
target_include_directories(quorate_boost SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(quorate_boost INTERFACE
  BOOST_ERROR_CODE_HEADER_ONLY BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_HAS_CO_AWAIT)

add_library(quorate_asio INTERFACE)
target_link_libraries(quorate_asio INTERFACE quorate_boost Threads::Threads)

add_library(quorate_leveldb INTERFACE)
target_include_directories(quorate_leveldb SYSTEM INTERFACE ${LEVELDB_INCLUDE})
target_link_libraries(quorate_leveldb INTERFACE ${LEVELDB_LIBRARY} Threads::Threads)

add_library(quorate_snappy INTERFACE)
target_include_directories(quorate_snappy SYSTEM INTERFACE ${SNAPPY_INCLUDE})
target_link_libraries(quorate_snappy INTERFACE ${SNAPPY_LIBRARY})

add_library(quorate_xxhash INTERFACE)
target_include_directories(quorate_xxhash SYSTEM INTERFACE ${XXHASH_INCLUDE})
target_link_libraries(quorate_xxhash INTERFACE ${XXHASH_LIBRARY})

add_library(quorate_cyrus INTERFACE)
target_include_directories(quorate_cyrus SYSTEM INTERFACE ${SASL_INCLUDE})
target_link_libraries(quorate_cyrus INTERFACE ${SASL_LIBRARY})

add_library(quorate_gssapi INTERFACE)
target_include_directories(quorate_gssapi SYSTEM INTERFACE ${GSSAPI_INCLUDE})
target_link_libraries(quorate_gssapi INTERFACE ${CMAKE_DL_LIBS})

if(RDKAFKA_INCLUDE AND RDKAFKA_LIBRARY)
  add_library(quorate_rdkafka INTERFACE)
  target_include_directories(quorate_rdkafka SYSTEM INTERFACE ${RDKAFKA_INCLUDE})
  target_link_libraries(quorate_rdkafka INTERFACE ${RDKAFKA_LIBRARY} Threads::Threads)
else()
  message(STATUS "librdkafka is missing (package librdkafka-dev): the pipeline is built without Kafka")
endif()
