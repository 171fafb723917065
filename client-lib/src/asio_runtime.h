// The real world: one TCP connection, plain or TLS, and the system's clock.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "client-lib/src/runtime.h"

namespace quorate::client {

/// All addresses of a host, asked for on any thread. In place of the system's resolver, for tests;
/// `found` may be called from inside.
using Addresses = std::vector<asio::ip::tcp::endpoint>;
using Resolve =
    std::function<void(const Host& host, std::function<void(ErrorCode, Addresses)> found)>;

/// Resolve, connect, TLS where asked for, then bytes.
class AsioLink final : public Link, public std::enable_shared_from_this<AsioLink> {
 public:
  AsioLink(const asio::any_io_executor& strand, Host host, TlsContext tls, bool verify_host,
           Resolve resolve = {});

  /// The addresses of the host are asked for anew: an ensemble may have moved.
  void open(std::uint64_t seed, LinkListenerPtr told) override;
  void read(LinkListenerPtr told) override;
  void write(LinkListenerPtr told) override;
  void close() override;
  ErrorCode meaning(const ErrorCode& error) override;
  bool secured() const override { return tls_.has_value(); }
  std::string address() const override;

 private:
  using Tcp = asio::ip::tcp;
  void resolve(std::function<void(ErrorCode, Addresses)> found);
  void connect(std::uint64_t seed, LinkListenerPtr told, Addresses addresses);
  void secure(LinkListenerPtr told);

  TlsContext context_;
  bool verify_host_;
  const Resolve resolve_;  ///< Empty: the system's.
  Tcp::resolver resolver_;
  Tcp::socket socket_;
  std::optional<asio::ssl::stream<Tcp::socket&>> tls_;
  Addresses addresses_;
  std::array<std::byte, 64 * 1024> input_;
};

class AsioTimer final : public Timer {
 public:
  explicit AsioTimer(const asio::any_io_executor& strand) : timer_(strand) {}
  void start_wait(TimePoint when, Handler handler) override;
  void cancel() override { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

class AsioRuntime final : public Runtime {
 public:
  explicit AsioRuntime(Resolve resolve = {}) : resolve_(std::move(resolve)) {}

  Timer::TimePoint now() override { return std::chrono::steady_clock::now(); }
  std::uint64_t draw() override;
  std::unique_ptr<Timer> make_timer(const asio::any_io_executor& strand) override;
  std::shared_ptr<Link> make_link(const asio::any_io_executor& strand, const Host& host,
                                  const TlsContext& tls, bool verify_host) override;

 private:
  const Resolve resolve_;
};

}  // namespace quorate::client
