// One TCP connection as a small state machine on the event loop: no coroutine, no buffer of its own
// while it is idle (design.md section 4).
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "server/net/tls.h"

namespace quorate::server {

/// The loop's read buffer, which all its connections share: bytes are handled before the next
/// connection reads.
using ReadBuffer = std::vector<std::byte>;
inline constexpr std::size_t kReadBufferBytes = 64 * 1024;

/// Non-blocking socket. Bytes to send go to the kernel at once; only what it does not take is kept,
/// up to a limit, above which the connection ends. Held by shared_ptr because handlers in flight
/// outlive its owner's interest; an owner that lets go must call abort() or finish() first.
class ByteStream : public std::enable_shared_from_this<ByteStream> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /// `bytes` is valid during the call only.
    virtual void on_bytes(ByteView bytes) = 0;
    /// The other side ended it, it failed, or the out limit was passed. Last call, and never from
    /// inside write(), flush() or resume(). `why` is a text for the log.
    virtual void on_end(const std::string& why) = 0;
    /// What the kernel had not taken has left.
    virtual void on_drained() {}
  };

  using Socket = boost::asio::ip::tcp::socket;
  /// `tls`: a session on `socket` whose handshake is done; nullptr on a plain connection.
  ByteStream(Socket socket, Owner& owner, ReadBuffer& read_buffer, std::size_t out_max,
             std::unique_ptr<TlsSession> tls = nullptr);

  void start();  ///< Begins to read.
  void pause();  ///< Back pressure: reads no more until resume().
  void resume();

  /// Queues; bytes leave at flush().
  void write(ByteView bytes);
  void flush();
  std::size_t queued() const { return out_.size() - sent_; }
  const TlsSession* tls() const { return tls_.get(); }

  /// Closes after what is queued has left, at most a few seconds later. The owner hears nothing
  /// more.
  void finish();
  /// Closes now. The owner hears nothing more.
  void abort();
  /// The owner goes: like abort(), but leaves a finish() under way to itself.
  void abandon();

 private:
  void wait_readable();
  void on_readable();
  void on_readable_tls();
  std::size_t decrypt(std::string& end);
  std::size_t encrypt(ByteView bytes, ErrorCode& error);
  void end_now(const std::string& why);
  void wait_writable();
  void on_writable();
  ErrorCode send_queued();
  void end_later(std::string why);
  void linger();
  void close_socket();

  Socket socket_;
  const std::unique_ptr<TlsSession> tls_;
  Owner* owner_;  ///< nullptr after finish() and abort().
  ReadBuffer& read_buffer_;
  Bytes out_;  ///< From sent_ on: what still has to leave.
  std::size_t sent_ = 0;
  const std::size_t out_max_;
  std::unique_ptr<boost::asio::steady_timer> deadline_;  ///< Only while finishing.
  bool reading_ = false;
  bool writing_ = false;
  bool more_inside_ = false;  ///< TLS: decrypted or not, bytes wait that the kernel shows no more.
  bool read_wants_write_ = false;  ///< TLS: its own answer must leave before more can be read.
  bool paused_ = false;
  bool ended_ = false;
  bool finishing_ = false;
};

/// Options every connection of ours has: no delay, non-blocking.
void prepare_socket(ByteStream::Socket& socket);

}  // namespace quorate::server
