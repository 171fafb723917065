// What both sides of a login share of the Cyrus SASL library. Private to server/sasl.
#pragma once

#include <sasl/sasl.h>

#include <memory>

namespace quorate::server {

inline constexpr const char* kCyrusMechanism = "DIGEST-MD5";
/// Of our module, through which the library asks for passwords.
inline constexpr const char* kCyrusModule = "quorate";

using CyrusCallback = int (*)();

/// The library keeps callbacks of all kinds in one list.
template <class Function>
CyrusCallback as_callback(Function* function) {
  return reinterpret_cast<CyrusCallback>(reinterpret_cast<void (*)()>(function));
}

/// Its own words could hold what somebody has sent; ours go to the log.
int cyrus_log_nothing(void*, int, const char*);
/// Nothing is read from the configuration files of the library.
int cyrus_option(void*, const char*, const char* name, const char** value, unsigned* size);

/// What the library is started with; valid for ever. Makes it safe for several threads.
const sasl_callback_t* cyrus_callbacks();

struct CyrusDispose {
  void operator()(sasl_conn_t* connection) const { sasl_dispose(&connection); }
};
/// One side of one login.
using CyrusConnection = std::unique_ptr<sasl_conn_t, CyrusDispose>;

/// No layer of its own around what follows: ZooKeeper has none.
int cyrus_keep_plain(sasl_conn_t* connection);

}  // namespace quorate::server
