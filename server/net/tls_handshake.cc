#include "server/net/tls_handshake.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "server/net/byte_stream.h"

namespace quorate::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// The record type Handshake. No plain link begins so: an initial message begins with 0xff, or with
/// 0x00 in its oldest form, and so does a packet (zab-protocol sections 2.1 and 5).
constexpr unsigned char kTlsFirstByte = 0x16;
/// How long a refused one may take to read why.
constexpr std::chrono::seconds kDrainLimit{1};

bool would_block(const ErrorCode& error) {
  return error == asio::error::would_block || error == asio::error::try_again;
}

}  // namespace

std::string PeerSocket::address() const {
  boost::system::error_code gone;
  const auto end = socket.remote_endpoint(gone);
  return gone ? "?" : end.address().to_string() + ':' + std::to_string(end.port());
}

TlsHandshake::TlsHandshake(PeerSocket::Socket socket, Options options)
    : socket_(std::move(socket)), options_(std::move(options)), timer_(socket_.get_executor()) {
  prepare_socket(socket_);
}

void TlsHandshake::start(Done done) {
  done_ = std::move(done);
  timer_.expires_after(options_.limit);
  timer_.async_wait([weak = weak_from_this(), ms = options_.limit.count()](const ErrorCode& error) {
    const auto self = weak.lock();
    if (!self || error || !self->done_) return;
    self->fail("not done within " + std::to_string(ms) + " ms");
  });
  if (!options_.plain_too) {
    tls_ = std::make_unique<TlsSession>(*options_.context, socket_.native_handle(), options_.role);
    if (options_.check) tls_->expect(options_.check);
  }
  // A client speaks first; a server has nothing to say before it was spoken to.
  wait(options_.role == TlsSession::Role::Connects);
}

void TlsHandshake::cancel() {
  done_ = nullptr;
  timer_.cancel();
  ErrorCode ignored;
  socket_.close(ignored);
}

void TlsHandshake::wait(bool to_write) {
  socket_.async_wait(to_write ? tcp::socket::wait_write : tcp::socket::wait_read,
                     [self = shared_from_this()](const ErrorCode& error) {
                       if (error != asio::error::operation_aborted) self->on_ready();
                     });
}

void TlsHandshake::on_ready() {
  if (draining_) return drain();
  if (!done_) return;
  if (!tls_) return look();
  switch (tls_->handshake()) {
    case TlsSession::Status::Done:
      return succeed();
    case TlsSession::Status::WantRead:
      return wait(false);
    case TlsSession::Status::WantWrite:
      return wait(true);
    default:
      return fail(tls_->fault());
  }
}

void TlsHandshake::look() {
  std::array<unsigned char, 1> first{};
  ErrorCode error;
  const std::size_t count = socket_.receive(asio::buffer(first), tcp::socket::message_peek, error);
  if (would_block(error)) return wait(false);
  if (error || count == 0) return fail("closed by the other side");
  if (first[0] != kTlsFirstByte) return succeed();
  tls_ = std::make_unique<TlsSession>(*options_.context, socket_.native_handle(), options_.role);
  if (options_.check) tls_->expect(options_.check);
  on_ready();
}

void TlsHandshake::succeed() {
  timer_.cancel();
  const Done done = std::exchange(done_, nullptr);
  done({}, PeerSocket(std::move(socket_), std::move(tls_)));
}

/// The alert that says why must not be lost: closing with unread bytes would reset the connection.
void TlsHandshake::fail(const std::string& fault) {
  const Done done = std::exchange(done_, nullptr);
  ErrorCode ignored;
  socket_.cancel(ignored);  // After a time limit a wait is still under way.
  if (options_.role == TlsSession::Role::Accepts) {
    draining_ = true;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    timer_.expires_after(kDrainLimit);
    timer_.async_wait([weak = weak_from_this()](const ErrorCode& error) {
      if (const auto self = weak.lock(); self && !error) self->cancel();
    });
    wait(false);
  } else {
    timer_.cancel();
    socket_.close(ignored);
  }
  done(fault, PeerSocket(PeerSocket::Socket(socket_.get_executor())));
}

void TlsHandshake::drain() {
  std::array<char, 4096> waste{};
  ErrorCode error;
  while (!error) socket_.read_some(asio::buffer(waste), error);
  if (would_block(error)) return wait(false);
  cancel();
}

}  // namespace quorate::server
