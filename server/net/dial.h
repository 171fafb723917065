// Opens one connection: resolves, tries each address, gives up after a while. Never blocks the loop
// (hazards R24, R35).
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

namespace quorate::server {

class Dial : public std::enable_shared_from_this<Dial> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using Handler = std::function<void(const ErrorCode& error, Socket socket)>;

  explicit Dial(boost::asio::io_context& io);

  /// Calls `handler` once, later, unless cancel() comes first.
  void start(const std::string& host, std::uint16_t port, std::chrono::milliseconds limit,
             Handler handler);
  void cancel();

 private:
  using Endpoints = boost::asio::ip::tcp::resolver::results_type;
  void connect(const Endpoints& endpoints);
  void finish(const ErrorCode& error);

  boost::asio::ip::tcp::resolver resolver_;
  Socket socket_;
  boost::asio::steady_timer timer_;
  Handler handler_;
};

}  // namespace quorate::server
