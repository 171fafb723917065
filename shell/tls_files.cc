#include "shell/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <vector>

namespace quorate::shell {

namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(PKCS12* store) const { PKCS12_free(store); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

/// What a file holds.
struct Content {
  Owned<EVP_PKEY> key;
  std::vector<Owned<X509>> certificates;  ///< The key's own one first.
  bool pem = false;
};

std::optional<std::string> bytes_of(const std::string& path, std::string& fault) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  if (in && !in.bad()) return bytes;
  fault = path + ": cannot be read: " + (errno != 0 ? std::strerror(errno) : "no such file");
  return std::nullopt;
}

Owned<BIO> memory(const std::string& bytes) {
  return Owned<BIO>(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::string reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "unknown reason" : text;
}

int give_password(char* buffer, int size, int, void* data) {
  const auto& password = *static_cast<const std::string*>(data);
  if (password.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(buffer, password.data(), password.size());
  return static_cast<int>(password.size());
}

std::string read_pem(const std::string& bytes, std::string password, Content& out) {
  out.pem = true;
  const Owned<BIO> certificates = memory(bytes);
  while (X509* one = PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr)) {
    out.certificates.emplace_back(one);
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return "holds a certificate that cannot be read: " + reason();
  }
  ERR_clear_error();
  if (bytes.find("PRIVATE KEY-----") == std::string::npos) return "";
  const Owned<BIO> key = memory(bytes);
  out.key.reset(PEM_read_bio_PrivateKey(key.get(), nullptr, give_password, &password));
  if (out.key) return "";
  return "holds a private key that cannot be read; is the password right? (" + reason() + ")";
}

std::string read_pkcs12(const std::string& bytes, const std::string& password, Content& out) {
  const Owned<BIO> in = memory(bytes);
  const Owned<PKCS12> store(d2i_PKCS12_bio(in.get(), nullptr));
  if (!store) return "is neither PEM nor PKCS12 (" + reason() + ")";
  EVP_PKEY* key = nullptr;
  X509* own = nullptr;
  STACK_OF(X509)* others = nullptr;
  const int good = PKCS12_parse(store.get(), password.c_str(), &key, &own, &others);
  out.key.reset(key);
  if (own != nullptr) out.certificates.emplace_back(own);
  for (int i = 0; i < sk_X509_num(others); ++i) {
    out.certificates.emplace_back(sk_X509_value(others, i));
  }
  sk_X509_free(others);
  if (good == 1) return "";
  return "cannot be opened; is the password right? (" + reason() +
         "; a file in an old format is renewed by: openssl pkcs12 -legacy)";
}

std::string read_store(const TlsStore& store, Content& out) {
  std::string fault;
  std::string password = store.password;
  if (!store.password_file.empty()) {
    const auto text = bytes_of(store.password_file, fault);
    if (!text) return fault;
    password = text->substr(0, text->find_first_of("\r\n"));
  }
  const auto bytes = bytes_of(store.location, fault);
  if (!bytes) return fault;
  ERR_clear_error();
  const bool jks = bytes->starts_with("\xfe\xed\xfe\xed") || bytes->starts_with("\xce\xce\xce\xce");
  if (jks) {
    return store.location + " is a Java key store (JKS), which only Java can read; convert it: " +
           "keytool -importkeystore -srckeystore " + store.location + " -destkeystore " +
           store.location + ".p12 -deststoretype PKCS12, and name the new file";
  }
  fault = bytes->find("-----BEGIN ") != std::string::npos ? read_pem(*bytes, password, out)
                                                          : read_pkcs12(*bytes, password, out);
  return fault.empty() ? "" : store.location + " " + fault;
}

/// A file without a name, for as long as the program runs; the client opens files by their path.
std::string hidden_file(const Content& content, bool with_key, std::string& fault) {
  const Owned<BIO> out(BIO_new(BIO_s_mem()));
  if (with_key) {
    PEM_write_bio_PrivateKey(out.get(), content.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  }
  for (const auto& each : content.certificates) PEM_write_bio_X509(out.get(), each.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  const int fd = ::memfd_create("quorate-shell-tls", MFD_CLOEXEC);
  if (fd < 0 || size <= 0 || ::write(fd, text, static_cast<std::size_t>(size)) != size) {
    fault = std::string("no memory for a TLS key: ") + std::strerror(errno);
    return "";
  }
  return "/proc/self/fd/" + std::to_string(fd);
}

std::string settle_key(const TlsFiles& files, client::TlsOptions& options) {
  const std::string& location = files.key_store.location;
  Content content;
  if (std::string fault = read_store(files.key_store, content); !fault.empty()) return fault;
  if (!files.key_file.empty()) {
    TlsStore store = files.key_store;
    store.location = files.key_file;
    Content key;
    if (std::string fault = read_store(store, key); !fault.empty()) return fault;
    content.key = std::move(key.key);
    if (content.key && !key.pem) return files.key_file + " is no PEM file";
  }
  const std::string& key_location = files.key_file.empty() ? location : files.key_file;
  if (content.certificates.empty()) return location + " holds no certificate";
  if (!content.key) return key_location + " holds no private key";
  if (X509_check_private_key(content.certificates.front().get(), content.key.get()) != 1) {
    ERR_clear_error();
    return "the key in " + key_location + " is not that of the certificate in " + location;
  }
  std::string fault;
  if (!content.pem) {
    options.certificate_file = hidden_file(content, /*with_key=*/true, fault);
    return fault;
  }
  options.certificate_file = location;
  options.key_file = files.key_file;
  options.key_password = files.key_store.password;
  if (!files.key_store.password_file.empty()) {
    const auto text = bytes_of(files.key_store.password_file, fault);
    options.key_password = text ? text->substr(0, text->find_first_of("\r\n")) : "";
  }
  return fault;
}

}  // namespace

std::string settle_tls(const TlsFiles& files, client::TlsOptions& options) {
  options = client::TlsOptions();
  options.enabled = files.enabled;
  options.verify_host = files.verify_host;
  if (!files.enabled) return "";
  if (!files.trust_store.location.empty()) {
    Content content;
    if (std::string fault = read_store(files.trust_store, content); !fault.empty()) return fault;
    if (content.certificates.empty()) return files.trust_store.location + " holds no certificate";
    std::string fault;
    options.ca_file =
        content.pem ? files.trust_store.location : hidden_file(content, /*with_key=*/false, fault);
    if (!fault.empty()) return fault;
  }
  if (!files.key_store.location.empty()) return settle_key(files, options);
  return files.key_file.empty() ? "" : "a key without a certificate: " + files.key_file;
}

}  // namespace quorate::shell
