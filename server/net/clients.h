// Port Clients over real sockets: the client port and its connections.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "server/config/config.h"
#include "server/net/acceptor.h"
#include "server/net/byte_stream.h"
#include "server/net/inbox.h"
#include "server/replica/ports.h"

namespace quorate::server {

class ClientConnection;

/// Owned by the event loop.
class SocketClients : public Clients {
 public:
  SocketClients(boost::asio::io_context& io, const ClientPortConfig& port,
                const LimitsConfig& limits, Inbox& inbox);
  ~SocketClients() override;

  ErrorCode listen();  ///< Before the loop runs.
  void start();        ///< Begins to accept.
  void stop_accepting();
  void close_all();  ///< Each after what is queued for it.
  std::uint16_t port() const { return acceptor_.port(); }
  std::size_t count() const { return connections_.size(); }
  /// Now and then: closes connections that never said a word.
  void sweep(std::int64_t now_ms);

  void send(ConnectionId connection, ByteView frames) override;
  void close(ConnectionId connection) override;
  void pause(ConnectionId connection) override;
  void resume(ConnectionId connection) override;
  void flush() override;

 private:
  friend class ClientConnection;
  void on_socket(ByteStream::Socket socket, const boost::asio::ip::tcp::endpoint& from);
  bool admits(const std::string& address) const;
  ClientConnection* find(ConnectionId connection);
  /// Forgets it; the object itself lives until the loop's next turn, because the call may come from
  /// inside one of its functions.
  void erase(ConnectionId connection);

  boost::asio::io_context& io_;
  const ClientPortConfig& port_;
  const LimitsConfig& limits_;
  Inbox& inbox_;
  Acceptor acceptor_;
  ReadBuffer read_buffer_;
  std::unordered_map<ConnectionId, std::unique_ptr<ClientConnection>> connections_;
  std::vector<std::unique_ptr<ClientConnection>> leaving_;
  std::unordered_map<std::string, std::int64_t> by_address_;
  std::vector<ConnectionId> unflushed_;  ///< Written to since the last flush; may name one twice.
  std::int64_t last_id_ = 0;
  std::int64_t now_ms_ = 0;    ///< Of the last sweep.
  std::uint64_t refused_ = 0;  ///< Connections closed at once for a limit, since the last sweep.
};

}  // namespace quorate::server
