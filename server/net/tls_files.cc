#include "server/net/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

namespace quorate::server {
namespace {

using BioPtr = std::unique_ptr<BIO, OpenSslFree>;

std::optional<std::string> content_of(const std::string& path, std::string& why) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (file && !file.bad()) return text;
  why = std::string("cannot be read: ") + (errno != 0 ? std::strerror(errno) : "no such file");
  return std::nullopt;
}

std::string trimmed(std::string text) {
  text.erase(std::find_if_not(text.rbegin(), text.rend(),
                              [](unsigned char c) { return std::isspace(c) != 0; })
                 .base(),
             text.end());
  return text;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

/// By the type given, else by the file's ending, else by its first bytes.
std::string type_of(const TlsStoreConfig& config, const std::string& content) {
  if (!config.type.empty()) return upper(config.type);
  const std::string name = upper(config.location);
  if (name.ends_with(".PEM") || name.ends_with(".CRT") || name.ends_with(".KEY")) return "PEM";
  if (name.ends_with(".P12") || name.ends_with(".PFX") || name.ends_with(".PKCS12")) {
    return "PKCS12";
  }
  if (name.ends_with(".BCFKS")) return "BCFKS";
  if (content.starts_with("\xfe\xed\xfe\xed") || name.ends_with(".JKS")) return "JKS";
  return content.find("-----BEGIN") != std::string::npos ? "PEM" : "PKCS12";
}

std::string conversion_hint(const TlsStoreConfig& config) {
  return "is a Java key store, which only Java can read; convert it with: keytool "
         "-importkeystore -srckeystore " +
         config.location + " -destkeystore " + config.location +
         ".p12 -deststoretype PKCS12, and name the new file";
}

BioPtr memory_bio(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

int give_password(char* buffer, int size, int, void* data) {
  const auto& password = *static_cast<const std::string*>(data);
  if (password.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(buffer, password.data(), password.size());
  return static_cast<int>(password.size());
}

std::string read_pem(const std::string& text, std::string password, StoreContent& content) {
  ERR_clear_error();
  for (const BioPtr bio = memory_bio(text);;) {
    X509* one = PEM_read_bio_X509_AUX(bio.get(), nullptr, give_password, &password);
    if (one == nullptr) break;
    content.certificates.emplace_back(one);
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return "holds a certificate that cannot be read: " + openssl_error();
  }
  ERR_clear_error();
  if (content.certificates.empty()) return "holds no certificate";
  if (text.find("PRIVATE KEY-----") == std::string::npos) return {};
  const BioPtr bio = memory_bio(text);
  content.key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, give_password, &password));
  if (content.key) return {};
  return "holds a private key that cannot be read (is the password right?): " + openssl_error();
}

std::string read_pkcs12(const std::string& text, const std::string& password,
                        StoreContent& content) {
  ERR_clear_error();
  const BioPtr bio = memory_bio(text);
  PKCS12* store = d2i_PKCS12_bio(bio.get(), nullptr);
  if (store == nullptr) return "is no PKCS12 file: " + openssl_error();
  EVP_PKEY* key = nullptr;
  X509* own = nullptr;
  STACK_OF(X509)* others = nullptr;
  const int good = PKCS12_parse(store, password.c_str(), &key, &own, &others);
  PKCS12_free(store);
  content.key.reset(key);
  if (own != nullptr) content.certificates.emplace_back(own);
  for (int i = 0; i < sk_X509_num(others); ++i) {
    content.certificates.emplace_back(sk_X509_value(others, i));
  }
  sk_X509_free(others);
  if (good != 1) {
    return "cannot be opened (is the password right? a file in an old format is renewed by openssl "
           "pkcs12 -legacy or keytool): " +
           openssl_error();
  }
  return content.certificates.empty() ? "holds no certificate" : "";
}

}  // namespace

void OpenSslFree::operator()(EVP_PKEY* key) const {
  EVP_PKEY_free(key);
}
void OpenSslFree::operator()(X509* certificate) const {
  X509_free(certificate);
}
void OpenSslFree::operator()(BIO* bio) const {
  BIO_free(bio);
}

std::string files_fingerprint(const TlsConfig& config) {
  std::string all;
  for (const TlsStoreConfig* store : {&config.key_store, &config.trust_store}) {
    for (const std::string& path : {store->location, store->password_path}) {
      std::error_code gone;
      const auto time = std::filesystem::last_write_time(path, gone);
      all += std::to_string(gone ? 0 : time.time_since_epoch().count()) + ':';
      const auto size = std::filesystem::file_size(path, gone);
      all += std::to_string(gone ? 0 : size) + ' ';
    }
  }
  return all;
}

std::string openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown reason" : reason;
}

bool read_store(const TlsStoreConfig& config, const std::string& prefix, StoreContent& content,
                std::string& fault) {
  std::string password = config.password;
  std::string why;
  if (!config.password_path.empty()) {
    const auto text = content_of(config.password_path, why);
    if (!text) {
      fault = prefix + ".passwordPath: " + config.password_path + ": " + why;
      return false;
    }
    password = trimmed(*text);
  }
  if (const auto text = content_of(config.location, why)) {
    const std::string type = type_of(config, *text);
    if (type == "PEM") {
      why = read_pem(*text, password, content);
    } else if (type == "PKCS12") {
      why = text->starts_with("\xfe\xed\xfe\xed") ? conversion_hint(config)
                                                  : read_pkcs12(*text, password, content);
    } else if (type == "JKS" || type == "BCFKS") {
      why = conversion_hint(config);
    } else {
      fault = prefix + ".type: \"" + config.type + "\": expected PEM or PKCS12";
      return false;
    }
  }
  if (why.empty()) return true;
  fault = prefix + ".location: " + config.location + ": " + why;
  return false;
}

}  // namespace quorate::server
