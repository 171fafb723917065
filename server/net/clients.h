// Port Clients over real sockets: the ports for clients, plain and TLS, and their connections, on
// the event loop itself or on threads of their own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "server/config/config.h"
#include "server/net/client_loop.h"
#include "server/net/client_places.h"
#include "server/net/inbox.h"
#include "server/net/io_threads.h"
#include "server/net/token_bucket.h"
#include "server/replica/ports.h"

namespace quorate::server {

/// Owned by the event loop.
class SocketClients : public Clients, private ClientEvents {
 public:
  SocketClients(boost::asio::io_context& io, const ClientPortConfig& port, const TlsConfig& tls,
                const LimitsConfig& limits, Inbox& inbox);
  ~SocketClients() override;

  /// Reads keys and certificates when a port needs them. False and `fault` when they cannot be
  /// used.
  bool load_tls(std::string& fault);
  /// Reads them again. Connections stay; with a fault, which is logged, so do the old ones.
  void reload_tls();

  ErrorCode listen();         ///< clientPort, if set; before the loop runs.
  ErrorCode listen_secure();  ///< secureClientPort, if set.
  void start();               ///< Begins to accept.
  /// clientPort is another one from now on; connections stay. With an error it is as before.
  ErrorCode move_to(const std::string& address, std::uint16_t port);
  void stop_accepting();
  void stop_reading();  ///< No more requests, for ever.
  void close_all();     ///< Each after what is queued for it.
  /// Sends what is queued, for two seconds at most, and ends the threads. Blocks; the last call.
  void finish();
  std::uint16_t port() const { return plain_.port; }
  std::uint16_t secure_port() const { return secure_.port; }
  std::size_t count() const { return places_.count(); }
  std::uint64_t rejected() const { return rejected_; }  ///< Connections, for a limit, ever.
  std::uint64_t failed_handshakes() const;              ///< Of TLS, ever.
  /// At least once a second: time limits, changed certificates.
  void sweep(std::int64_t now_ms);

  void send(ConnectionId connection, ByteView frames) override;
  void close(ConnectionId connection) override;
  void pause(ConnectionId connection) override;
  void resume(ConnectionId connection) override;
  void flush() override;

 private:
  struct Listener {
    int socket = -1;
    std::uint16_t port = 0;
    Transport transport = Transport::Plain;
  };

  void on_word(ConnectionId id, std::string_view word) override;
  void on_open(ConnectionId id, bool secure, const std::string& subject) override;
  void on_frame(ConnectionId id, ByteView frame) override;
  void on_drained(ConnectionId id) override;
  void on_ended(ConnectionId id) override;
  void on_gone(ConnectionId id) override;
  void on_acceptable(int listener) override;
  void on_batch() override;

  ErrorCode open(Listener& listener, const std::string& address, std::int64_t port);
  void accept(const Listener& listener);
  void admit(int socket, const std::string& address, std::uint16_t remote_port,
             Transport transport);
  void pause_accepting();
  void wait_home();
  void run_home();
  void take_happenings();
  void happened(const ClientHappenings& batch);
  /// Of the thread on which `id` lives; nullptr: the event loop itself.
  IoThread* thread(ConnectionId id) const;
  void command(ConnectionId id, ClientCommands::Kind kind);
  void hold(ConnectionId id, ByteView frame);
  void give_tls(std::shared_ptr<const TlsContext> tls);

  boost::asio::io_context& io_;
  const ClientPortConfig& port_;
  const TlsConfig& tls_config_;
  Inbox& inbox_;
  ClientPlaces places_;
  TokenBucket throttle_;
  /// The listening sockets; and the connections, unless there are threads.
  ClientLoop home_;
  boost::asio::posix::stream_descriptor home_readable_;
  boost::asio::steady_timer accept_pause_;
  Listener plain_, secure_;
  std::string plain_address_;
  boost::asio::ip::address last_address_;  ///< From where the last one came, and its text.
  std::string last_address_text_;
  bool accepting_ = false;
  std::string tls_seen_;  ///< Of the files that were read last.
  /// Frames of clients whose answers must leave first; they are not read meanwhile, so there is no
  /// more than what one read of the socket has brought.
  std::unordered_map<ConnectionId, Bytes> held_;
  std::vector<ConnectionId> to_hold_;   ///< Since the last pump.
  std::vector<ConnectionId> to_close_;  ///< Above a limit.
  bool inbox_used_ = false;             ///< Since the last pump.
  std::uint64_t rejected_ = 0;
  std::uint64_t refused_ = 0;  ///< For a limit, since the last sweep.
  std::uint64_t throttled_ = 0;
  /// Handlers that are still in flight after destruction find it gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  ClientMailbox mailbox_;
  std::vector<std::unique_ptr<IoThread>> threads_;  ///< Last: ends first.
};

}  // namespace quorate::server
