#include "server/config/tls_rules.h"

#include <string>

namespace quorate::server {
namespace {

ConfigFault fault(std::string key, std::string what) {
  return {"", 0, std::move(key), std::move(what)};
}

}  // namespace

std::optional<ConfigFault> check_quorum_tls(const Config& config) {
  if (!config.ensemble.uses_tls()) return std::nullopt;
  const TlsConfig& tls = config.quorum_tls;
  const std::string asker = config.ensemble.ssl_quorum ? "sslQuorum" : "portUnification";
  if (tls.key_store.location.empty()) {
    return fault(
        "ssl.quorum.keyStore.location",
        "is missing; " + asker + "=true needs the file with this server's key and certificate");
  }
  if (tls.trust_store.location.empty()) {
    return fault("ssl.quorum.trustStore.location",
                 "is missing; " + asker +
                     "=true needs the file with the certificates that sign those of all servers");
  }
  if (tls.client_auth != "none" && tls.client_auth != "want" && tls.client_auth != "need") {
    return fault("ssl.quorum.clientAuth",
                 '"' + tls.client_auth + "\": expected none, want or need");
  }
  return std::nullopt;
}

std::vector<std::string> quorum_tls_warnings(const Config& config) {
  std::vector<std::string> all;
  if (!config.ensemble.uses_tls()) return all;
  if (config.ensemble.port_unification) {
    all.push_back(
        "portUnification=true: both server ports take plain links too; set it to false once every "
        "server has sslQuorum=true");
  }
  if (config.quorum_tls.client_auth != "need") {
    all.push_back("ssl.quorum.clientAuth=" + config.quorum_tls.client_auth +
                  ": whoever reaches the server ports may act as a server of this ensemble");
  }
  if (!config.quorum_tls.hostname_verification) {
    all.push_back(
        "ssl.quorum.hostnameVerification=false: any certificate that the trust store accepts may "
        "act as any server of this ensemble");
  }
  return all;
}

}  // namespace quorate::server
