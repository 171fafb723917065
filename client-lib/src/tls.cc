#include "client-lib/src/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>

#include "quorate/errors.h"

namespace quorate::client {

namespace ssl = boost::asio::ssl;

Result<TlsContext> make_tls_context(const TlsOptions& options) {
  if (!options.enabled) return TlsContext();
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  ErrorCode fault;
  if (options.ca_file.empty()) {
    context->set_default_verify_paths(fault);
  } else {
    context->load_verify_file(options.ca_file, fault);
  }
  if (fault) return ErrorCode(ClientErrc::TlsBadAuthority);
  context->set_verify_mode(ssl::verify_peer, fault);
  if (!options.key_password.empty()) {
    context->set_password_callback(
        [password = options.key_password](std::size_t, ssl::context::password_purpose) {
          return password;
        },
        fault);
  } else {
    // Else OpenSSL would ask on the terminal.
    context->set_password_callback(
        [](std::size_t, ssl::context::password_purpose) { return std::string(); }, fault);
  }
  if (!options.certificate_file.empty()) {
    context->use_certificate_chain_file(options.certificate_file, fault);
    if (fault) return ErrorCode(ClientErrc::TlsBadCertificate);
    const std::string& key = options.key_file.empty() ? options.certificate_file : options.key_file;
    context->use_private_key_file(key, ssl::context::pem, fault);
    if (fault || SSL_CTX_check_private_key(context->native_handle()) != 1) {
      return ErrorCode(ClientErrc::TlsBadKey);
    }
  } else if (!options.key_file.empty()) {
    return ErrorCode(ClientErrc::TlsBadCertificate);
  }
  return context;
}

ErrorCode tls_meaning(const ErrorCode& error, long verified) {
  if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH) {
    return ClientErrc::TlsWrongHost;
  }
  if (verified != X509_V_OK) return ClientErrc::TlsUntrusted;
  const bool ours = error.category() == boost::asio::error::get_ssl_category() ||
                    error.category() == ssl::error::get_stream_category();
  if (ours || error == boost::asio::error::eof || error == boost::asio::error::connection_reset) {
    return ClientErrc::TlsRefused;
  }
  return error;
}

}  // namespace quorate::client
