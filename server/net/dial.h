// Opens one connection: resolves, tries each address, speaks TLS where asked, gives up after a
// while. Never blocks the loop (hazards R24, R35).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "server/net/peer_tls.h"

namespace quorate::server {

class Dial : public std::enable_shared_from_this<Dial> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using Handler = std::function<void(const ErrorCode& error, PeerSocket socket)>;

  /// `tls`: nullptr, or what decides whether connections speak TLS.
  explicit Dial(boost::asio::io_context& io, PeerTls* tls = nullptr);

  /// Calls `handler` once, later, unless cancel() comes first.
  void start(const std::string& host, std::uint16_t port, std::chrono::milliseconds limit,
             Handler handler);
  void cancel();

 private:
  using Endpoints = boost::asio::ip::tcp::resolver::results_type;
  void connect(const Endpoints& endpoints);
  void on_connected(const ErrorCode& error);
  void finish(ErrorCode error);

  PeerTls* const tls_;
  std::string host_;
  boost::asio::ip::tcp::resolver resolver_;
  PeerSocket socket_;
  std::shared_ptr<TlsHandshake> handshake_;
  boost::asio::steady_timer timer_;
  Handler handler_;
};

}  // namespace quorate::server
