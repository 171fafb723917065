// An authority of the test's own, and certificates by it in PEM files.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <string>

#include "base/ensure.h"
#include "server/net/tls_files.h"

namespace quorate::server {

class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name) : name_(name), key_(EVP_EC_gen("P-256")) {
    own_ = make(name, "", key_.get(), 1);
  }

  struct Issued {
    KeyPtr key;
    CertificatePtr certificate;
  };
  /// `names` as in openssl.cnf, "DNS:a,IP:1.2.3.4"; empty: no subjectAltNames. Ends in `days`.
  Issued issue(const std::string& common_name, const std::string& names, int days = 1) const {
    Issued out{KeyPtr(EVP_EC_gen("P-256")), nullptr};
    out.certificate = make(common_name, names, out.key.get(), days);
    return out;
  }
  void write(const std::string& path) const { put(path, nullptr, own_.get()); }
  static void write(const std::string& path, const Issued& issued) {
    put(path, issued.key.get(), issued.certificate.get());
  }

 private:
  CertificatePtr make(const std::string& common_name, const std::string& names, EVP_PKEY* key,
                      int days) const {
    CertificatePtr made(X509_new());
    X509* raw = made.get();
    X509_set_version(raw, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(raw), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(raw), -3L * 24 * 3600);
    X509_gmtime_adj(X509_getm_notAfter(raw), days * 24L * 3600);
    X509_set_pubkey(raw, key);
    add_name(X509_get_subject_name(raw), common_name);
    add_name(X509_get_issuer_name(raw), name_);
    add(raw, NID_basic_constraints, own_ ? "CA:FALSE" : "critical,CA:TRUE");
    if (!names.empty()) add(raw, NID_subject_alt_name, names);
    ENSURE(X509_sign(raw, key_.get(), EVP_sha256()) != 0);
    return made;
  }
  static void add_name(X509_NAME* name, const std::string& text) {
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1, 0);
  }
  static void add(X509* certificate, int kind, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
    ENSURE(extension != nullptr);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  static void put(const std::string& path, EVP_PKEY* key, X509* certificate) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    ENSURE(file != nullptr);
    if (key != nullptr) {
      PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    }
    PEM_write_X509(file, certificate);
    std::fclose(file);
  }

  const std::string name_;
  KeyPtr key_;
  CertificatePtr own_;
  mutable long serial_ = 0;
};

}  // namespace quorate::server
