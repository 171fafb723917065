// Logins of clients by Kerberos (SASL's mechanism GSSAPI, RFC 4752), with the system's GSSAPI
// library.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/replica/sasl.h"

namespace quorate::server {

/// Who this server is to Kerberos, and what becomes of the names of others.
struct KerberosService {
  std::string keytab;     ///< A file.
  std::string principal;  ///< SERVICE/HOST@REALM, of which the file has the keys.
  bool remove_host = false, remove_realm = false;
};

/// What ZooKeeper calls who logs in as `principal` (NAME, NAME/HOST, each with @REALM): the realm
/// goes only where it is the service's own, so that two realms' users stay two. Nothing: a name of
/// more parts, which no list can hold.
std::optional<std::string> kerberos_id(const KerberosService& service, std::string_view principal);

/// Loads the library, once per process. Nothing, and why with the remedy in `fault`, when it is not
/// there or has no keys for the service. Conversations must not outlive what this returns.
std::unique_ptr<SaslLogin> open_kerberos_login(KerberosService service, std::string& fault);

}  // namespace quorate::server
