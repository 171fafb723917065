#include "client-lib/src/asio_runtime.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <random>

namespace quorate::client {

// ---- Link
// ----------------------------------------------------------------------------------------

AsioLink::AsioLink(const asio::any_io_executor& strand, Host host, TlsContext tls, bool verify_host,
                   Resolve resolve)
    : Link(std::move(host)),
      context_(std::move(tls)),
      verify_host_(verify_host),
      resolve_(std::move(resolve)),
      resolver_(strand),
      socket_(strand) {}

void AsioLink::open(std::uint64_t seed, LinkListenerPtr told) {
  resolve([self = shared_from_this(), seed, told](ErrorCode error, Addresses found) {
    if (error) return told->on_open(*self, error);
    self->connect(seed, told, std::move(found));
  });
}

void AsioLink::resolve(std::function<void(ErrorCode, Addresses)> found) {
  if (resolve_) {
    auto on_strand = [strand = socket_.get_executor(), found](ErrorCode error, Addresses all) {
      asio::post(strand, [found, error, all = std::move(all)] { found(error, all); });
    };
    return resolve_(host(), std::move(on_strand));
  }
  resolver_.async_resolve(
      host().name, std::to_string(host().port),
      [found = std::move(found)](ErrorCode error, const Tcp::resolver::results_type& entries) {
        Addresses all;
        for (const auto& entry : entries) all.push_back(entry.endpoint());
        found(error, std::move(all));
      });
}

void AsioLink::connect(std::uint64_t seed, LinkListenerPtr told, Addresses addresses) {
  addresses_ = std::move(addresses);
  std::shuffle(addresses_.begin(), addresses_.end(), std::mt19937_64(seed));
  asio::async_connect(socket_, addresses_,
                      [self = shared_from_this(), told](ErrorCode error, const Tcp::endpoint&) {
                        if (error) return told->on_open(*self, error);
                        ErrorCode ignored;
                        self->socket_.set_option(Tcp::no_delay(true), ignored);
                        self->secure(told);
                      });
}

void AsioLink::secure(LinkListenerPtr told) {
  if (!context_) return told->on_open(*this, {});
  tls_.emplace(socket_, *context_);
  ErrorCode not_an_address;
  asio::ip::make_address(host().name, not_an_address);
  if (not_an_address) SSL_set_tlsext_host_name(tls_->native_handle(), host().name.c_str());
  if (verify_host_) {
    // OpenSSL's own check and not Asio's: it leaves the reason where meaning() finds it.
    X509_VERIFY_PARAM* const rules = SSL_get0_param(tls_->native_handle());
    if (not_an_address) {
      X509_VERIFY_PARAM_set1_host(rules, host().name.c_str(), host().name.size());
    } else {
      X509_VERIFY_PARAM_set1_ip_asc(rules, host().name.c_str());
    }
  }
  tls_->async_handshake(asio::ssl::stream_base::client,
                        [self = shared_from_this(), told](ErrorCode error) {
                          told->on_open(*self, error ? self->meaning(error) : error);
                        });
}

void AsioLink::read(LinkListenerPtr told) {
  auto done = [self = shared_from_this(), told = std::move(told)](ErrorCode error,
                                                                  std::size_t count) {
    told->on_bytes(*self, error, ByteView(self->input_.data(), count));
  };
  if (tls_) {
    tls_->async_read_some(asio::buffer(input_), std::move(done));
  } else {
    socket_.async_read_some(asio::buffer(input_), std::move(done));
  }
}

void AsioLink::write(LinkListenerPtr told) {
  auto done = [self = shared_from_this(), told = std::move(told)](ErrorCode error, std::size_t) {
    told->on_written(*self, error);
  };
  if (tls_) {
    asio::async_write(*tls_, asio::buffer(writing), std::move(done));
  } else {
    asio::async_write(socket_, asio::buffer(writing), std::move(done));
  }
}

ErrorCode AsioLink::meaning(const ErrorCode& error) {
  return tls_ ? tls_meaning(error, SSL_get_verify_result(tls_->native_handle())) : error;
}

std::string AsioLink::address() const {
  ErrorCode unknown;
  const Tcp::endpoint end = socket_.remote_endpoint(unknown);
  return unknown ? std::string() : to_string(Host{end.address().to_string(), end.port()});
}

void AsioLink::close() {
  ErrorCode ignored;
  resolver_.cancel();
  socket_.close(ignored);
}

// ---- Timer
// ---------------------------------------------------------------------------------------

void AsioTimer::start_wait(TimePoint when, Handler handler) {
  timer_.expires_at(when);
  timer_.async_wait(std::move(handler));
}

// ---- Runtime
// -------------------------------------------------------------------------------------

std::uint64_t AsioRuntime::draw() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

std::unique_ptr<Timer> AsioRuntime::make_timer(const asio::any_io_executor& strand) {
  return std::make_unique<AsioTimer>(strand);
}

std::shared_ptr<Link> AsioRuntime::make_link(const asio::any_io_executor& strand, const Host& host,
                                             const TlsContext& tls, bool verify_host) {
  return std::make_shared<AsioLink>(strand, host, tls, verify_host, resolve_);
}

std::shared_ptr<Runtime> make_asio_runtime() {
  return std::make_shared<AsioRuntime>();
}

std::string new_guid(Runtime& runtime) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string guid;
  while (guid.size() < 32) {
    const std::uint64_t word = runtime.draw();
    for (int shift = 0; shift < 64; shift += 4) guid += digits[(word >> shift) & 15];
  }
  return guid;
}

}  // namespace quorate::client
