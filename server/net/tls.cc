#include "server/net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>

#include "base/ensure.h"
#include "server/net/tls_files.h"

namespace quorate::server {
namespace {

std::vector<std::string> list_of(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream in(text);
  for (std::string one; std::getline(in, one, ',');) {
    one.erase(0, one.find_first_not_of(' '));
    one.erase(one.find_last_not_of(' ') + 1);
    if (!one.empty()) all.push_back(one);
  }
  return all;
}

struct ProtocolName {
  const char* name;
  int version;
  std::uint64_t off;
};
constexpr std::array kProtocols = {
    ProtocolName{"TLSv1", TLS1_VERSION, SSL_OP_NO_TLSv1},
    ProtocolName{"TLSv1.1", TLS1_1_VERSION, SSL_OP_NO_TLSv1_1},
    ProtocolName{"TLSv1.2", TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
    ProtocolName{"TLSv1.3", TLS1_3_VERSION, SSL_OP_NO_TLSv1_3},
};

/// enabledProtocols, else protocol, else both that are safe today.
bool set_protocols(SSL_CTX* context, const TlsConfig& config, const std::string& prefix,
                   std::string& fault) {
  const bool from_list = !config.enabled_protocols.empty();
  const std::string text = from_list                 ? config.enabled_protocols
                           : config.protocol.empty() ? "TLSv1.2,TLSv1.3"
                                                     : config.protocol;
  std::uint64_t off = 0;
  for (const ProtocolName& one : kProtocols) off |= one.off;
  for (const std::string& name : list_of(text)) {
    const auto found = std::find_if(kProtocols.begin(), kProtocols.end(),
                                    [&](const ProtocolName& one) { return name == one.name; });
    if (found == kProtocols.end()) {
      fault = prefix + (from_list ? "enabledProtocols" : "protocol") + ": \"" + name +
              "\": expected TLSv1.2 or TLSv1.3";
      return false;
    }
    off &= ~found->off;
    // What the operator asks for by name must not fail at the library's own bar.
    if (found->version < TLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
  }
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_options(context, off);
  return true;
}

/// Java writes the names of the registry (TLS_ECDHE_RSA_WITH_...), OpenSSL has its own beside.
std::map<std::string, std::string> names_of_ciphers() {
  std::map<std::string, std::string> names;
  SSL_CTX* all = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_cipher_list(all, "ALL:@SECLEVEL=0");
  const STACK_OF(SSL_CIPHER)* ciphers = SSL_CTX_get_ciphers(all);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(ciphers, i);
    const std::string own = SSL_CIPHER_get_name(cipher);
    names[own] = own;
    if (const char* standard = SSL_CIPHER_standard_name(cipher)) names[standard] = own;
  }
  SSL_CTX_free(all);
  return names;
}

bool set_ciphers(SSL_CTX* context, const TlsConfig& config, const std::string& prefix,
                 std::string& fault) {
  if (config.cipher_suites.empty()) return true;
  const std::map<std::string, std::string> names = names_of_ciphers();
  std::string newer, older;
  for (const std::string& name : list_of(config.cipher_suites)) {
    const auto found = names.find(name);
    if (found == names.end()) {
      fault = prefix + "ciphersuites: \"" + name +
              "\": is not known; `openssl ciphers -stdname` lists what is possible";
      return false;
    }
    // Those of TLS 1.3 have the same name in both worlds and a list of their own.
    std::string& list = found->second.starts_with("TLS_") ? newer : older;
    list += (list.empty() ? "" : ":") + found->second;
  }
  SSL_CTX_set_ciphersuites(context, newer.c_str());
  if (SSL_CTX_set_cipher_list(context, older.empty() ? "DEFAULT" : older.c_str()) != 1) {
    fault = prefix + "ciphersuites: " + openssl_error();
    return false;
  }
  return true;
}

bool set_key(SSL_CTX* context, const TlsConfig& config, const std::string& prefix,
             std::string& fault) {
  StoreContent store;
  if (!read_store(config.key_store, prefix + "keyStore", store, fault)) return false;
  const std::string where = prefix + "keyStore.location: " + config.key_store.location + ": ";
  if (!store.key) {
    fault = where + "holds no private key; a key store needs the server's key and certificate";
    return false;
  }
  // The server's own is the one that fits its key; a PEM file may name them in any order.
  const auto own = std::find_if(store.certificates.begin(), store.certificates.end(),
                                [&](const CertificatePtr& one) {
                                  return X509_check_private_key(one.get(), store.key.get());
                                });
  ERR_clear_error();
  if (own == store.certificates.end()) {
    fault = where + "holds no certificate that belongs to its private key";
    return false;
  }
  if (SSL_CTX_use_certificate(context, own->get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, store.key.get()) != 1) {
    fault = where + openssl_error();
    return false;
  }
  for (const CertificatePtr& one : store.certificates) {
    if (one != *own) SSL_CTX_add1_chain_cert(context, one.get());
  }
  return true;
}

bool set_trust(SSL_CTX* context, const TlsConfig& config, TlsUse use, const std::string& prefix,
               std::string& fault) {
  const bool asks = config.client_auth != "none";
  if (!asks && use == TlsUse::Clients) return true;
  const bool need = config.client_auth == "need";
  if (config.trust_store.location.empty()) {
    fault = prefix +
            "trustStore.location: is missing; name the file with the certificates that sign those "
            "of " +
            (use == TlsUse::Clients ? "clients, or set ssl.clientAuth=none" : "the other servers");
    return false;
  }
  StoreContent store;
  if (!read_store(config.trust_store, prefix + "trustStore", store, fault)) return false;
  X509_STORE* trusted = SSL_CTX_get_cert_store(context);
  // As in Java any certificate of the store may end the chain, not self-signed ones only.
  X509_STORE_set_flags(trusted, X509_V_FLAG_PARTIAL_CHAIN);
  for (const CertificatePtr& one : store.certificates) {
    X509_STORE_add_cert(trusted, one.get());
    SSL_CTX_add_client_CA(context, one.get());
  }
  if (asks) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (need ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       nullptr);
  }
  return true;
}

void set_frugal(SSL_CTX* context) {
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A resumed session would keep the rights of a certificate that a reload has stopped trusting.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
}

}  // namespace

// ---- Context
// -------------------------------------------------------------------------------------

std::shared_ptr<const TlsContext> TlsContext::load(const TlsConfig& config, std::string& fault,
                                                   TlsUse use) {
  const std::string prefix = use == TlsUse::Clients ? "ssl." : "ssl.quorum.";
  SSL_CTX* raw = SSL_CTX_new(use == TlsUse::Clients ? TLS_server_method() : TLS_method());
  ENSURE(raw != nullptr);
  std::shared_ptr<const TlsContext> context(new TlsContext(raw));
  if (config.key_store.location.empty()) {
    fault = prefix +
            "keyStore.location: is missing; name the file with the server's key and certificate";
    return nullptr;
  }
  set_frugal(raw);
  const bool good =
      set_protocols(raw, config, prefix, fault) && set_ciphers(raw, config, prefix, fault) &&
      set_key(raw, config, prefix, fault) && set_trust(raw, config, use, prefix, fault);
  ERR_clear_error();
  return good ? context : nullptr;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

// ---- Session
// -------------------------------------------------------------------------------------

TlsSession::TlsSession(const TlsContext& context, int socket, Role role)
    : ssl_(SSL_new(context.context_)) {
  ENSURE(ssl_ != nullptr);
  SSL_set_fd(ssl_, socket);
  if (role == Role::Accepts) {
    SSL_set_accept_state(ssl_);
  } else {
    SSL_set_connect_state(ssl_);
    SSL_set_verify(ssl_, SSL_VERIFY_PEER, nullptr);
  }
}

TlsSession::~TlsSession() {
  SSL_free(ssl_);
}

void TlsSession::expect(Check check) {
  expectation_ = std::make_unique<Expectation>();
  expectation_->check = std::move(check);
  SSL_set_app_data(ssl_, this);
  SSL_set_verify(ssl_, SSL_get_verify_mode(ssl_), &TlsSession::verify);
}

/// Inside the handshake, so that the other side is told by an alert.
int TlsSession::verify(int good, X509_STORE_CTX* chain) {
  void* ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
  auto* self = static_cast<TlsSession*>(SSL_get_app_data(static_cast<SSL*>(ssl)));
  X509* current = X509_STORE_CTX_get_current_cert(chain);
  std::string& fault = self->expectation_->fault;
  if (good != 1) {
    fault = X509_verify_cert_error_string(X509_STORE_CTX_get_error(chain));
    if (current != nullptr) {
      fault += ": certificate of " + subject_text(X509_get_subject_name(current)) + " signed by " +
               subject_text(X509_get_issuer_name(current));
    }
    return 0;
  }
  if (X509_STORE_CTX_get_error_depth(chain) != 0) return 1;
  fault = self->expectation_->check(current);
  if (fault.empty()) return 1;
  X509_STORE_CTX_set_error(chain, X509_V_ERR_HOSTNAME_MISMATCH);
  return 0;
}

std::string TlsSession::fault() const {
  if (expectation_ && !expectation_->fault.empty()) return expectation_->fault;
  return reason_ != nullptr ? reason_ : "closed by the other side";
}

TlsSession::Status TlsSession::status_of(int result) {
  const int error = SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_SSL) reason_ = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  switch (error) {
    case SSL_ERROR_WANT_READ:
      return Status::WantRead;
    case SSL_ERROR_WANT_WRITE:
      return Status::WantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Status::Ended;
    default:
      return Status::Failed;
  }
}

TlsSession::Status TlsSession::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result != 1) return status_of(result);
  established_ = true;
  return Status::Done;
}

TlsSession::Progress TlsSession::read(std::span<std::byte> into) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_read_ex(ssl_, into.data(), into.size(), &count);
  return result == 1 ? Progress{Status::Done, count} : Progress{status_of(result), 0};
}

TlsSession::Progress TlsSession::write(ByteView bytes) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &count);
  return result == 1 ? Progress{Status::Done, count} : Progress{status_of(result), 0};
}

void TlsSession::close_notify() {
  if (!established_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

X509* TlsSession::certificate() const {
  // Only what was verified counts as proved.
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  return SSL_get_verify_result(ssl_) == X509_V_OK ? certificate : nullptr;
}

std::string TlsSession::subject() const {
  const X509* proved = certificate();
  return proved == nullptr ? std::string() : subject_text(X509_get_subject_name(proved));
}

}  // namespace quorate::server
