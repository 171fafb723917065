// One connection to one server: resolve, connect, TLS where asked for, then bytes.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "client-lib/src/host_list.h"
#include "client-lib/src/tls.h"

namespace quorate::client {

namespace asio = boost::asio;

/// Lives on its strand; kept alive by the handlers of what is under way.
class Link : public std::enable_shared_from_this<Link> {
 public:
  using Strand = asio::strand<asio::any_io_executor>;

  Link(const Strand& strand, Host host, TlsContext tls, bool verify_host);

  /// Calls `done` once the stream stands or cannot. The addresses of the host are asked for anew
  /// and tried in an order drawn from `seed`: an ensemble may have moved, or stand behind one name.
  void open(std::uint64_t seed, std::function<void(ErrorCode)> done);
  void close();

  template <class Handler>
  void read_some(asio::mutable_buffer into, Handler handler) {
    if (tls_) {
      tls_->async_read_some(into, std::move(handler));
    } else {
      socket_.async_read_some(into, std::move(handler));
    }
  }
  template <class Handler>
  void write(asio::const_buffer from, Handler handler) {
    if (tls_) {
      asio::async_write(*tls_, from, std::move(handler));
    } else {
      asio::async_write(socket_, from, std::move(handler));
    }
  }

  /// `error` of a read or write in words a user can act on.
  ErrorCode meaning(const ErrorCode& error);

  const Host& host() const { return host_; }
  bool secured() const { return tls_.has_value(); }

  Bytes writing;
  std::array<std::byte, 64 * 1024> input;

 private:
  using Tcp = asio::ip::tcp;
  void secure(std::function<void(ErrorCode)> done);

  Host host_;
  TlsContext context_;
  bool verify_host_;
  Tcp::resolver resolver_;
  Tcp::socket socket_;
  std::optional<asio::ssl::stream<Tcp::socket&>> tls_;
  std::vector<Tcp::endpoint> addresses_;
};

}  // namespace quorate::client
