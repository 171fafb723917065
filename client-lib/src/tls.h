// TLS to a server: what the options name, and what its errors mean.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "base/result.h"
#include "quorate/options.h"

namespace quorate::client {

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

/// Nothing when `options` leave TLS off.
/// Errors: TlsBadAuthority, TlsBadCertificate, TlsBadKey: the file cannot be read or used.
Result<TlsContext> make_tls_context(const TlsOptions& options);

/// What an error of a TLS stream means to a user: TlsUntrusted, TlsRefused; others as they are.
/// `verified` is the stream's SSL_get_verify_result().
ErrorCode tls_meaning(const ErrorCode& error, long verified);

}  // namespace quorate::client
