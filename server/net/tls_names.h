// For which hosts a certificate was made (RFC 6125).
#pragma once

#include <openssl/types.h>

#include <string>

namespace quorate::server {

/// Whether `certificate` is for `host`, a name or an address. Its subjectAltNames decide; the
/// common name counts only where there are none, as in ZooKeeper.
bool certificate_is_for(X509* certificate, const std::string& host);

/// "DNS:zk1 IP:10.0.0.1", or "CN:zk1" without subjectAltNames: for the log.
std::string certificate_names(X509* certificate);

}  // namespace quorate::server
