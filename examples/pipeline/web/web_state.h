// What the connections of a web server share.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "examples/pipeline/web/event_log.h"
#include "examples/pipeline/web/web_server.h"

namespace pipeline {

namespace asio = boost::asio;
using asio::ip::tcp;

/// One connection as the server sees it. Owned by the thread of State::io.
class WebConnection {
 public:
  virtual ~WebConnection() = default;
  /// The server ends: finish what is on its way, and go.
  virtual void finish() = 0;
  virtual void close() = 0;  ///< At once.
  virtual void deliver() {}  ///< There are events.
};

/// Connections run on one thread, `io`'s; answers are made on `pool`.
class WebServer::State {
 public:
  State(WebOptions given, Answer make_answer);
  ~State();

  Result<> open();
  void run();
  void publish(const std::string& json);

  void admit(std::shared_ptr<WebConnection> connection);
  void leave(const std::shared_ptr<WebConnection>& connection);

  const WebOptions options;
  const Answer answer;
  const std::string stream;  ///< Tells this server's numbers from those of one before it.
  EventLog log;
  std::string bound;
  std::atomic<std::size_t> sockets{0};  ///< Counted by io's thread; anybody asks.
  bool stopping = false;                ///< io's thread.
  asio::io_context io{1};
  std::unique_ptr<asio::thread_pool> pool;

 private:
  void accept();
  void stop();

  tcp::acceptor acceptor_{io};
  asio::steady_timer pause_{io}, grace_{io};
  std::set<std::shared_ptr<WebConnection>> connections_;
  std::atomic<bool> delivering_{false};  ///< A delivery is posted already: one is enough for any
                                         ///< number of events.
  std::thread thread_;
};

}  // namespace pipeline
