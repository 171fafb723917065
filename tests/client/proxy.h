// A TCP proxy in front of the server under test that loses replies and connections on demand.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "base/bytes.h"
#include "znode/proto/op_code.h"

namespace quorate::client::live {

/// Runs on a thread of its own. The functions may be called from any thread.
class Proxy {
 public:
  Proxy();
  ~Proxy();

  /// Connect string of this proxy.
  std::string servers() const { return "127.0.0.1:" + std::to_string(port_); }

  /// The next request of this kind is carried out, but its reply does not arrive: the connection
  /// breaks instead.
  void lose_reply(OpCode op);
  /// Breaks the connections there are.
  void cut();
  /// While set, new connections are closed at once.
  void refuse(bool on) { refuse_ = on; }
  /// How often a client has come.
  int connections() const { return connections_; }

 private:
  struct Pair;
  using PairPtr = std::shared_ptr<Pair>;
  boost::asio::awaitable<void> accept();
  boost::asio::awaitable<void> upstream(PairPtr pair);
  boost::asio::awaitable<void> downstream(PairPtr pair);
  bool wanted(OpCode op);
  void close(const PairPtr& pair);

  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  int port_ = 0;
  std::atomic<bool> refuse_{false};
  std::atomic<int> connections_{0};
  std::mutex mutex_;  ///< Of lose_; set by tests, read by the proxy's thread.
  std::optional<OpCode> lose_;
  std::set<PairPtr> pairs_;
  std::thread thread_;
};

}  // namespace quorate::client::live
