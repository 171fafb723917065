// Client sockets of one thread: an epoll set and the small state machines on it (design.md
// section 4). The epoll set is the loop's own, because a wait per request through Asio would cost a
// second system call and an allocation, and because all that one wait brings is one batch.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "server/net/tls.h"

namespace quorate::server {

struct ClientConnection;

/// What happens on the sockets. Called from run() and sweep() only.
class ClientEvents {
 public:
  virtual ~ClientEvents() = default;
  /// Instead of a first packet: four bytes that are no possible length. The connection waits for
  /// send() and close().
  virtual void on_word(ConnectionId id, std::string_view word) = 0;
  /// Before the first on_frame(). `subject`: of the client's certificate; empty without one.
  virtual void on_open(ConnectionId id, bool secure, const std::string& subject) = 0;
  /// One packet without its length; valid during the call only.
  virtual void on_frame(ConnectionId id, ByteView frame) = 0;
  /// Answers await_drained().
  virtual void on_drained(ConnectionId id) = 0;
  /// Ended by itself after on_open(); on_gone() follows.
  virtual void on_ended(ConnectionId id) = 0;
  /// The socket is closed and the id free. Last call for it, once for every add().
  virtual void on_gone(ConnectionId id) = 0;
  /// A listening socket has connections to accept.
  virtual void on_acceptable(int listener) = 0;
  /// End of a batch; send(), close() and so on may be called from here.
  virtual void on_batch() = 0;
};

struct ClientLoopLimits {
  std::int32_t frame_max = 0xfffff;
  std::size_t out_bytes_max = 64u << 20;  ///< Unsent answers above which the connection ends.
  std::size_t out_bytes_soft = 1u << 20;  ///< And above which it is not read.
  std::int64_t fresh_timeout_ms = 10000;  ///< For TLS handshake and first packet together.
};

enum class Transport : std::uint8_t {
  Plain,
  Tls,
  Either,  ///< Decided by the first byte.
};

/// A connection's id says where it lives: 8 bits thread, 24 bits slot, the rest tells apart those
/// that use a slot one after the other.
inline constexpr int kThreadBits = 8;
inline constexpr int kSlotBits = 24;
inline constexpr std::size_t kSlotsMax = std::size_t{1} << kSlotBits;
constexpr ConnectionId make_connection_id(std::int64_t generation, std::size_t slot,
                                          std::size_t thread) {
  return {(generation << (kSlotBits + kThreadBits)) |
          static_cast<std::int64_t>((slot << kThreadBits) | thread)};
}
constexpr std::size_t thread_of(ConnectionId id) {
  return static_cast<std::size_t>(id.value) & ((1u << kThreadBits) - 1);
}
constexpr std::size_t slot_of(ConnectionId id) {
  return (static_cast<std::size_t>(id.value) >> kThreadBits) & (kSlotsMax - 1);
}

/// Owned by one thread. All functions but run() and sweep() may be called from on_batch(), and from
/// outside of both; none of them calls back.
class ClientLoop {
 public:
  ClientLoop(const ClientLoopLimits& limits, ClientEvents& events);
  ~ClientLoop();
  ClientLoop(const ClientLoop&) = delete;
  ClientLoop& operator=(const ClientLoop&) = delete;

  /// The epoll set: readable while something is to be done.
  int descriptor() const { return epoll_; }
  /// Waits up to `timeout_ms` (-1: without limit) and handles what there is, one batch. True: there
  /// may be more.
  bool run(int timeout_ms);
  /// At least once a second: closes what has been silent too long.
  void sweep(std::int64_t now_ms);

  /// on_acceptable(listener) from now on, or no more. `listener` stays the caller's.
  void watch_listener(int listener, bool on);
  /// Makes run() return; `descriptor` is an eventfd, read empty by the loop.
  void watch_wakeup(int descriptor);

  /// For connections that begin from now on.
  void set_tls(std::shared_ptr<const TlsContext> tls) { tls_ = std::move(tls); }
  /// Takes `socket`, which must be non-blocking.
  void add(ConnectionId id, int socket, Transport transport);

  /// Hands over whole frames; they leave at once as far as the kernel takes them.
  void send(ConnectionId id, ByteView frames);
  /// Closes after what is queued has left, at most a few seconds later.
  void close(ConnectionId id);
  void pause(ConnectionId id);
  void resume(ConnectionId id);
  /// on_drained() as soon as no more than the soft limit is unsent.
  void await_drained(ConnectionId id);
  /// Stops reading all of them, for ever: the server ends.
  void stop_reading();

  /// run() would not wait.
  bool pending() const { return !drained_.empty(); }
  /// Neither closed nor closing.
  std::size_t open_count() const { return open_; }
  /// Unsent bytes of all connections, those that are closing included.
  std::size_t unsent() const { return unsent_; }
  /// TLS handshakes that have failed, ever. Any thread.
  std::uint64_t failed_handshakes() const { return failed_handshakes_; }

 private:
  using Connection = ClientConnection;
  Connection* find(ConnectionId id) const;
  void handle(Connection& connection, std::uint32_t events);
  void read(Connection& connection);
  void take_arrived();
  bool decide_transport(Connection& connection);
  bool shake_hands(Connection& connection);
  void take(Connection& connection, ByteView bytes);
  void begin(Connection& connection);
  void discard(Connection& connection);
  bool flush(Connection& connection);
  std::ptrdiff_t write_some(Connection& connection, ByteView bytes);
  void keep(Connection& connection, ByteView rest);
  void abandon(Connection& connection);
  void end(Connection& connection);
  void destroy(Connection& connection);
  void hang_up(Connection& connection);
  void after_flush(Connection& connection);
  void update_interest(Connection& connection);
  void end_batch();

  const ClientLoopLimits limits_;
  ClientEvents& events_;
  int epoll_;
  std::shared_ptr<const TlsContext> tls_;
  struct Arrival {
    ConnectionId id;
    std::size_t bytes;
  };
  /// Shared by all connections. `arrived_` is what has been read into it and not been looked at,
  /// one behind the other; each connection is in it once at most.
  Bytes buffer_;
  std::vector<Arrival> arrived_;
  std::size_t arrived_bytes_ = 0;
  std::vector<std::unique_ptr<Connection>> slots_;
  std::vector<ConnectionId> drained_;  ///< To be told in the next run().
  int wakeup_ = -1;
  std::size_t open_ = 0;
  std::size_t closing_ = 0;
  std::size_t unsent_ = 0;
  std::size_t frames_in_batch_ = 0;
  std::int64_t now_ms_ = 0;  ///< Of the last sweep.
  bool stopped_ = false;
  // Read by the event loop as a figure; a post for each would let strangers fill its queue.
  std::atomic<std::uint64_t> failed_handshakes_ = 0;
};

}  // namespace quorate::server
