#include "server/net/acceptor.h"

#include <boost/asio/ip/v6_only.hpp>
#include <chrono>
#include <utility>

namespace quorate::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::chrono::milliseconds kPause{100};

ErrorCode open_on(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, int backlog) {
  ErrorCode error;
  acceptor.open(endpoint.protocol(), error);
  if (error) return error;
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (endpoint.address().is_v6() && endpoint.address().is_unspecified()) {
    // All addresses means those of IPv4 as well.
    acceptor.set_option(asio::ip::v6_only(false), error);
  }
  acceptor.bind(endpoint, error);
  if (!error) {
    acceptor.listen(backlog > 0 ? backlog : asio::socket_base::max_listen_connections, error);
  }
  if (error) {
    ErrorCode ignored;
    acceptor.close(ignored);
  }
  return error;
}

bool out_of_resources(const ErrorCode& error) {
  return error == boost::system::errc::too_many_files_open ||
         error == boost::system::errc::too_many_files_open_in_system ||
         error == boost::system::errc::no_buffer_space ||
         error == boost::system::errc::not_enough_memory;
}

}  // namespace

std::string address_text(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

Acceptor::Acceptor(asio::io_context& io, OnSocket on_socket, OnError on_error)
    : io_(io),
      acceptor_(io),
      pause_timer_(io),
      on_socket_(std::move(on_socket)),
      on_error_(std::move(on_error)) {}

ErrorCode open_acceptor(asio::io_context& io, tcp::acceptor& acceptor, const std::string& address,
                        std::uint16_t port, int backlog) {
  if (address.empty()) {
    const ErrorCode error = open_on(acceptor, tcp::endpoint(tcp::v6(), port), backlog);
    // Only a machine without IPv6 gets the second try; a port in use must not be hidden by it.
    const bool no_ipv6 = error == asio::error::address_family_not_supported ||
                         error == boost::system::errc::address_not_available;
    if (!no_ipv6) return error;
    return open_on(acceptor, tcp::endpoint(tcp::v4(), port), backlog);
  }
  ErrorCode error;
  tcp::resolver resolver(io);
  const auto found = resolver.resolve(address, std::to_string(port), tcp::resolver::passive, error);
  for (const auto& entry : found) {
    error = open_on(acceptor, entry.endpoint(), backlog);
    if (!error) return {};
  }
  return error;
}

ErrorCode Acceptor::listen(const std::string& address, std::uint16_t port, int backlog) {
  return open_acceptor(io_, acceptor_, address, port, backlog);
}

ErrorCode Acceptor::move_to(const std::string& address, std::uint16_t port, int backlog) {
  tcp::acceptor fresh(io_);
  if (const ErrorCode error = open_acceptor(io_, fresh, address, port, backlog)) return error;
  stop();
  acceptor_ = std::move(fresh);
  start();
  return {};
}

void Acceptor::start() {
  accept_next();
}

void Acceptor::stop() {
  ErrorCode ignored;
  acceptor_.close(ignored);
  pause_timer_.cancel();
}

std::uint16_t Acceptor::port() const {
  ErrorCode ignored;
  return acceptor_.local_endpoint(ignored).port();
}

void Acceptor::accept_next() {
  if (!acceptor_.is_open()) return;
  acceptor_.async_accept(
      [this, alive = std::weak_ptr<bool>(alive_)](const ErrorCode& error, tcp::socket socket) {
        if (alive.expired() || !acceptor_.is_open()) return;
        if (error == asio::error::operation_aborted) return;  // Of the port before move_to().
        if (error) {
          on_error_(error.message());
          return out_of_resources(error) ? pause() : accept_next();
        }
        ErrorCode gone;
        const tcp::endpoint from = socket.remote_endpoint(gone);
        if (!gone) on_socket_(std::move(socket), from);
        accept_next();
      });
}

void Acceptor::pause() {
  pause_timer_.expires_after(kPause);
  pause_timer_.async_wait([this, alive = std::weak_ptr<bool>(alive_)](const ErrorCode& error) {
    if (!alive.expired() && !error) accept_next();
  });
}

}  // namespace quorate::server
