#include "server/sasl/cyrus.h"

#include <sasl/saslplug.h>

#include <array>
#include <cstring>
#include <mutex>
#include <string_view>

namespace quorate::server {
namespace {

/// Modules of other mechanisms stay out of this process: some open databases.
int admit_file(void*, const char* file, sasl_verify_type_t type) {
  if (type != SASL_VRFY_PLUGIN) return SASL_CONTINUE;
  const std::string_view path = file;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("libdigestmd5.") ? SASL_OK : SASL_CONTINUE;
}

void* make_mutex() {
  return std::make_unique<std::mutex>().release();
}
int lock_mutex(void* mutex) {
  static_cast<std::mutex*>(mutex)->lock();
  return SASL_OK;
}
int unlock_mutex(void* mutex) {
  static_cast<std::mutex*>(mutex)->unlock();
  return SASL_OK;
}
void free_mutex(void* mutex) {
  const std::unique_ptr<std::mutex> freed(static_cast<std::mutex*>(mutex));
}

}  // namespace

int cyrus_log_nothing(void*, int, const char*) {
  return SASL_OK;
}

int cyrus_option(void*, const char*, const char* name, const char** value, unsigned* size) {
  if (std::strcmp(name, "auxprop_plugin") != 0) return SASL_FAIL;
  *value = kCyrusModule;
  if (size != nullptr) *size = static_cast<unsigned>(std::strlen(kCyrusModule));
  return SASL_OK;
}

const sasl_callback_t* cyrus_callbacks() {
  static const std::array callbacks = {
      sasl_callback_t{SASL_CB_LOG, as_callback(cyrus_log_nothing), nullptr},
      sasl_callback_t{SASL_CB_VERIFYFILE, as_callback(admit_file), nullptr},
      sasl_callback_t{SASL_CB_GETOPT, as_callback(cyrus_option), nullptr},
      sasl_callback_t{SASL_CB_LIST_END, nullptr, nullptr},
  };
  sasl_set_mutex(make_mutex, lock_mutex, unlock_mutex, free_mutex);
  return callbacks.data();
}

int cyrus_keep_plain(sasl_conn_t* connection) {
  const sasl_security_properties_t plain{};
  return sasl_setprop(connection, SASL_SEC_PROPS, &plain);
}

}  // namespace quorate::server
