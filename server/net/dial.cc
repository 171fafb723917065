#include "server/net/dial.h"

#include <boost/asio/connect.hpp>
#include <utility>

namespace quorate::server {

namespace asio = boost::asio;
using asio::ip::tcp;

Dial::Dial(asio::io_context& io, PeerTls* tls)
    : tls_(tls), resolver_(io), socket_(io), timer_(io) {}

void Dial::start(const std::string& host, std::uint16_t port, std::chrono::milliseconds limit,
                 Handler handler) {
  host_ = host;
  handler_ = std::move(handler);
  timer_.expires_after(limit);
  timer_.async_wait([self = shared_from_this()](const ErrorCode& error) {
    if (!error) self->finish(asio::error::timed_out);
  });
  ErrorCode no_number;
  const auto address = asio::ip::make_address(host, no_number);
  if (!no_number) {
    connect(Endpoints::create(tcp::endpoint(address, port), host, std::to_string(port)));
    return;
  }
  resolver_.async_resolve(
      host, std::to_string(port),
      [self = shared_from_this()](const ErrorCode& error, const Endpoints& found) {
        if (!self->handler_) return;
        error ? self->finish(error) : self->connect(found);
      });
}

void Dial::connect(const Endpoints& endpoints) {
  asio::async_connect(socket_.socket, endpoints,
                      [self = shared_from_this()](const ErrorCode& error, const tcp::endpoint&) {
                        self->on_connected(error);
                      });
}

void Dial::on_connected(const ErrorCode& error) {
  if (!handler_ || error || tls_ == nullptr || !tls_->connects_by_tls()) return finish(error);
  timer_.cancel();  // The handshake has a limit of its own, and says what was missing.
  handshake_ = tls_->connect(std::move(socket_.socket), host_,
                             [self = shared_from_this()](bool good, PeerSocket socket) {
                               self->socket_ = std::move(socket);
                               self->finish(good ? ErrorCode() : kTlsFault);
                             });
}

void Dial::finish(const ErrorCode& error) {
  if (!handler_) return;
  const Handler handler = std::exchange(handler_, nullptr);
  timer_.cancel();
  resolver_.cancel();
  if (handshake_) handshake_->cancel();
  if (error) {
    ErrorCode ignored;
    socket_.socket.close(ignored);
  }
  handler(error, std::move(socket_));
}

void Dial::cancel() {
  handler_ = nullptr;
  timer_.cancel();
  resolver_.cancel();
  if (handshake_) handshake_->cancel();
  ErrorCode ignored;
  socket_.socket.close(ignored);
}

}  // namespace quorate::server
