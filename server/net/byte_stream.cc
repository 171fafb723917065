#include "server/net/byte_stream.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

namespace quorate::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// How long a connection that we close may take to fetch its last bytes.
constexpr std::chrono::seconds kFinishLimit{5};

bool would_block(const ErrorCode& error) {
  return error == asio::error::would_block || error == asio::error::try_again;
}

}  // namespace

void prepare_socket(ByteStream::Socket& socket) {
  ErrorCode ignored;  // A socket that is dead already shows itself at the first read.
  socket.set_option(tcp::no_delay(true), ignored);
  socket.non_blocking(true, ignored);
}

ByteStream::ByteStream(Socket socket, Owner& owner, ReadBuffer& read_buffer, std::size_t out_max,
                       std::unique_ptr<TlsSession> tls)
    : socket_(std::move(socket)),
      tls_(std::move(tls)),
      owner_(&owner),
      read_buffer_(read_buffer),
      out_max_(out_max),
      // The handshake may have taken more from the kernel than was its own.
      more_inside_(tls_ != nullptr) {
  prepare_socket(socket_);
}

void ByteStream::start() {
  wait_readable();
}

void ByteStream::pause() {
  paused_ = true;
}

void ByteStream::resume() {
  paused_ = false;
  wait_readable();
}

void ByteStream::wait_readable() {
  if (reading_ || paused_ || ended_) return;
  reading_ = true;
  if (more_inside_) {
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
      self->reading_ = false;
      self->on_readable();
    });
    return;
  }
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const ErrorCode& error) {
    self->reading_ = false;
    if (!error) self->on_readable();
  });
}

void ByteStream::on_readable() {
  if (ended_ || paused_) return;
  more_inside_ = false;
  if (tls_ && !finishing_) return on_readable_tls();
  ErrorCode error;
  const std::size_t count = socket_.read_some(asio::buffer(read_buffer_), error);
  if (error && !would_block(error)) {
    const bool orderly = error == asio::error::eof;
    return end_now(orderly ? "closed by the other side" : error.message());
  }
  // While finishing, what still comes in is thrown away: closing with unread bytes in the kernel
  // would reset the connection and could take our last answer with it.
  if (count > 0 && owner_ != nullptr && !finishing_) {
    owner_->on_bytes(ByteView(read_buffer_).first(count));
  }
  wait_readable();
}

void ByteStream::end_now(const std::string& why) {
  Owner* owner = std::exchange(owner_, nullptr);
  close_socket();
  if (owner != nullptr) owner->on_end(why);
}

// ---- TLS
// -----------------------------------------------------------------------------------------

void ByteStream::on_readable_tls() {
  std::string end;
  const std::size_t count = decrypt(end);
  if (count > 0) owner_->on_bytes(ByteView(read_buffer_).first(count));
  if (ended_) return;
  if (!end.empty()) return end_now(end);
  if (read_wants_write_) {
    if (!writing_) wait_writable();
    return;
  }
  wait_readable();
}

/// Fills the read buffer; `end` says why nothing more will come.
std::size_t ByteStream::decrypt(std::string& end) {
  std::size_t count = 0;
  while (count < read_buffer_.size()) {
    const TlsSession::Progress piece = tls_->read(std::span(read_buffer_).subspan(count));
    count += piece.bytes;
    if (piece.status == TlsSession::Status::Done) continue;
    read_wants_write_ = piece.status == TlsSession::Status::WantWrite;
    if (piece.status == TlsSession::Status::Ended) end = "closed by the other side";
    if (piece.status == TlsSession::Status::Failed) end = "TLS: " + tls_->fault();
    return count;
  }
  more_inside_ = true;
  return count;
}

/// What the kernel does not take stays ours, to be offered again: the library insists on that.
std::size_t ByteStream::encrypt(ByteView bytes, ErrorCode& error) {
  const TlsSession::Progress piece = tls_->write(bytes);
  if (piece.status == TlsSession::Status::WantWrite) error = asio::error::would_block;
  // Nobody but a handshake makes writing wait for reading, and there is none on an open link.
  else if (piece.status != TlsSession::Status::Done)
    error = asio::error::connection_reset;
  return piece.bytes;
}

// ---- Writing
// -------------------------------------------------------------------------------------

void ByteStream::write(ByteView bytes) {
  if (ended_ || finishing_) return;
  append(out_, bytes);
}

void ByteStream::flush() {
  if (ended_ || queued() == 0) return;
  if (!writing_) {
    if (const ErrorCode error = send_queued()) return end_later(error.message());
  }
  if (queued() > out_max_) return end_later("too much unread by the other side");
  if (queued() > 0 && !writing_) wait_writable();
}

ErrorCode ByteStream::send_queued() {
  ErrorCode error;
  while (queued() > 0) {
    const ByteView rest = ByteView(out_).subspan(sent_);
    const std::size_t count =
        tls_ ? encrypt(rest, error)
             : socket_.write_some(asio::buffer(rest.data(), rest.size()), error);
    if (error) break;
    sent_ += count;
  }
  if (queued() == 0) {
    // Given back, unless small: an idle connection holds no buffer.
    if (out_.capacity() > 4096) out_ = Bytes();
    out_.clear();
    sent_ = 0;
  } else if (sent_ > out_.size() / 2) {
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(sent_));
    sent_ = 0;
  }
  return would_block(error) ? ErrorCode() : error;
}

void ByteStream::wait_writable() {
  writing_ = true;
  socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](const ErrorCode& error) {
    self->writing_ = false;
    if (!error) self->on_writable();
  });
}

void ByteStream::on_writable() {
  if (ended_) return;
  if (read_wants_write_) {
    read_wants_write_ = false;
    more_inside_ = true;
    wait_readable();
  }
  if (const ErrorCode error = send_queued()) return end_later(error.message());
  if (queued() > 0) return wait_writable();
  if (finishing_) return linger();
  if (owner_ != nullptr) owner_->on_drained();
}

void ByteStream::end_later(std::string why) {
  if (ended_) return;
  ended_ = true;
  asio::post(socket_.get_executor(), [self = shared_from_this(), text = std::move(why)] {
    Owner* owner = std::exchange(self->owner_, nullptr);
    self->close_socket();
    if (owner != nullptr) owner->on_end(text);
  });
}

void ByteStream::finish() {
  owner_ = nullptr;
  if (ended_ || finishing_) return close_socket();
  flush();
  finishing_ = true;
  if (ended_) return;
  deadline_ = std::make_unique<asio::steady_timer>(socket_.get_executor(), kFinishLimit);
  deadline_->async_wait([weak = weak_from_this()](const ErrorCode& error) {
    const auto self = weak.lock();
    if (self && !error) self->close_socket();
  });
  paused_ = false;
  if (queued() == 0) linger();
}

/// Says that nothing more comes, then waits for the other side to end.
void ByteStream::linger() {
  if (tls_) tls_->close_notify();
  ErrorCode ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  wait_readable();
}

void ByteStream::abort() {
  owner_ = nullptr;
  close_socket();
}

void ByteStream::abandon() {
  owner_ = nullptr;
  if (!finishing_) close_socket();
}

void ByteStream::close_socket() {
  ended_ = true;
  ErrorCode ignored;
  socket_.close(ignored);
  if (deadline_) deadline_->cancel();
}

}  // namespace quorate::server
