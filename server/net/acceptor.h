// A listening port that nothing but stop() ends.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace quorate::server {

/// Accepts for ever. When the process or the system has run out of descriptors or memory it pauses
/// instead of spinning; any other error concerns one connection only (hazards R22, R35).
class Acceptor {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using OnSocket = std::function<void(Socket socket, const boost::asio::ip::tcp::endpoint& from)>;
  using OnError = std::function<void(const std::string& text)>;

  Acceptor(boost::asio::io_context& io, OnSocket on_socket, OnError on_error);

  /// Resolves `address` (empty: all addresses), binds and listens; blocks while a name is resolved,
  /// so it belongs before the loop runs. `port` 0 takes any free one.
  ErrorCode listen(const std::string& address, std::uint16_t port, int backlog);
  /// The same while it runs: what listened before is closed once the new port is open. With an
  /// error nothing has changed.
  ErrorCode move_to(const std::string& address, std::uint16_t port, int backlog);
  void start();
  void stop();
  std::uint16_t port() const;

 private:
  void accept_next();
  void pause();

  boost::asio::io_context& io_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_timer_;
  OnSocket on_socket_;
  OnError on_error_;
  /// Handlers that are still in flight after destruction find it gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// Resolves `address` (empty: all addresses), binds and listens. Blocks while a name is resolved.
ErrorCode open_acceptor(boost::asio::io_context& io, boost::asio::ip::tcp::acceptor& acceptor,
                        const std::string& address, std::uint16_t port, int backlog);

/// "127.0.0.1", "::1"; an IPv4 address that came in over IPv6 is written as IPv4.
std::string address_text(const boost::asio::ip::address& address);

}  // namespace quorate::server
