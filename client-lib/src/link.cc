#include "client-lib/src/link.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <random>

namespace quorate::client {

Link::Link(const Strand& strand, Host host, TlsContext tls, bool verify_host)
    : host_(std::move(host)),
      context_(std::move(tls)),
      verify_host_(verify_host),
      resolver_(strand),
      socket_(strand) {}

void Link::open(std::uint64_t seed, std::function<void(ErrorCode)> done) {
  auto connected = [self = shared_from_this(), done](ErrorCode error, const Tcp::endpoint&) {
    if (error) return done(error);
    ErrorCode ignored;
    self->socket_.set_option(Tcp::no_delay(true), ignored);
    self->secure(done);
  };
  resolver_.async_resolve(host_.name, std::to_string(host_.port),
                          [self = shared_from_this(), seed, done, connected](
                              ErrorCode error, const Tcp::resolver::results_type& found) {
                            if (error) return done(error);
                            self->addresses_.clear();
                            for (const auto& entry : found)
                              self->addresses_.push_back(entry.endpoint());
                            std::shuffle(self->addresses_.begin(), self->addresses_.end(),
                                         std::mt19937_64(seed));
                            asio::async_connect(self->socket_, self->addresses_, connected);
                          });
}

void Link::secure(std::function<void(ErrorCode)> done) {
  if (!context_) return done({});
  tls_.emplace(socket_, *context_);
  ErrorCode not_an_address;
  asio::ip::make_address(host_.name, not_an_address);
  if (not_an_address) SSL_set_tlsext_host_name(tls_->native_handle(), host_.name.c_str());
  if (verify_host_) {
    // OpenSSL's own check and not Asio's: it leaves the reason where meaning() finds it.
    X509_VERIFY_PARAM* const rules = SSL_get0_param(tls_->native_handle());
    if (not_an_address) {
      X509_VERIFY_PARAM_set1_host(rules, host_.name.c_str(), host_.name.size());
    } else {
      X509_VERIFY_PARAM_set1_ip_asc(rules, host_.name.c_str());
    }
  }
  tls_->async_handshake(asio::ssl::stream_base::client,
                        [self = shared_from_this(), done](ErrorCode error) {
                          done(error ? self->meaning(error) : error);
                        });
}

ErrorCode Link::meaning(const ErrorCode& error) {
  return tls_ ? tls_meaning(error, SSL_get_verify_result(tls_->native_handle())) : error;
}

void Link::close() {
  ErrorCode ignored;
  resolver_.cancel();
  socket_.close(ignored);
}

}  // namespace quorate::client
