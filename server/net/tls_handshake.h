// The beginning of one connection between servers: plain or TLS, told by its first byte, and the
// handshake of TLS.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "server/net/tls.h"

namespace quorate::server {

/// A connection between servers; with a session when it speaks TLS.
struct PeerSocket {
  using Socket = boost::asio::ip::tcp::socket;
  explicit PeerSocket(boost::asio::io_context& io) : socket(io) {}
  explicit PeerSocket(Socket open, std::unique_ptr<TlsSession> session = nullptr)
      : socket(std::move(open)), tls(std::move(session)) {}
  /// Of the other side, for log lines; "?" when it has gone already.
  std::string address() const;
  Socket socket;
  std::unique_ptr<TlsSession> tls;
};

/// Never blocks, and never outlives its time limit, however slowly the other side speaks. Keeps
/// itself alive until it has ended.
class TlsHandshake : public std::enable_shared_from_this<TlsHandshake> {
 public:
  struct Options {
    std::shared_ptr<const TlsContext> context;
    TlsSession::Role role = TlsSession::Role::Accepts;
    TlsSession::Check check;
    bool plain_too = false;  ///< What does not begin like TLS is let through as it is.
    std::chrono::milliseconds limit{5000};
  };
  /// `fault` empty: `socket` is ready for use.
  using Done = std::function<void(const std::string& fault, PeerSocket socket)>;

  TlsHandshake(PeerSocket::Socket socket, Options options);

  /// Calls `done` once, later, unless cancel() comes first.
  void start(Done done);
  /// Closes now.
  void cancel();

 private:
  void wait(bool to_write);
  void on_ready();
  void look();
  void drain();
  void succeed();
  void fail(const std::string& fault);

  PeerSocket::Socket socket_;
  const Options options_;
  std::unique_ptr<TlsSession> tls_;
  boost::asio::steady_timer timer_;
  Done done_;
  bool draining_ = false;
};

}  // namespace quorate::server
