// Key stores and trust stores: PEM and PKCS12 files.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <vector>

#include "server/config/config.h"

namespace quorate::server {

struct OpenSslFree {
  void operator()(EVP_PKEY* key) const;
  void operator()(X509* certificate) const;
  void operator()(BIO* bio) const;
};
using KeyPtr = std::unique_ptr<EVP_PKEY, OpenSslFree>;
using CertificatePtr = std::unique_ptr<X509, OpenSslFree>;

/// What one store holds. A key store: the server's key, and its certificate with the chain behind
/// it. A trust store: certificates only.
struct StoreContent {
  KeyPtr key;
  std::vector<CertificatePtr> certificates;
};

/// Reads the store that `config` names. False and `fault` ("key: file: reason and remedy") when it
/// cannot be used. `prefix`: ssl.keyStore or ssl.trustStore, as in the configuration.
bool read_store(const TlsStoreConfig& config, const std::string& prefix, StoreContent& content,
                std::string& fault);

/// Changes whenever one of the files that `config` names is written or replaced.
std::string files_fingerprint(const TlsConfig& config);

/// The newest error of OpenSSL in words; forgets it and the older ones.
std::string openssl_error();

}  // namespace quorate::server
