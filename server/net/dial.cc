#include "server/net/dial.h"

#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <utility>

namespace quorate::server {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// To connect, Asio has asked the kernel to tell when the socket can be written to, and goes on to:
/// every later wait for something to read would be answered at once by that, in vain. A socket that
/// is new to it begins without.
ErrorCode ask_anew(tcp::socket& socket) {
  ErrorCode error;
  const tcp::endpoint here = socket.local_endpoint(error);
  if (error) return error;
  tcp::socket fresh(socket.get_executor());
  const auto native = socket.release(error);
  if (error) return error;
  fresh.assign(here.protocol(), native, error);
  if (error) ::close(native);
  socket = std::move(fresh);
  return error;
}

}  // namespace

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

void Dial::finish(ErrorCode error) {
  if (!handler_) return;
  const Handler handler = std::exchange(handler_, nullptr);
  timer_.cancel();
  resolver_.cancel();
  if (handshake_) handshake_->cancel();
  if (!error) error = ask_anew(socket_.socket);
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
