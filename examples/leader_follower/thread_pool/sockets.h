// What both pools stand on: a listening socket, its connections, and which of them are ready.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "examples/leader_follower/thread_pool/event_set.h"
#include "examples/leader_follower/thread_pool/frames.h"

namespace thread_pool {

/// A connection. Whoever took it from an event has it alone until it is armed again.
class Connection {
 public:
  Connection(int socket, std::size_t frame_bytes_max) : socket_(socket), reader_(frame_bytes_max) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int socket() const { return socket_; }
  /// Takes what has arrived, at most one buffer full: the requests that are complete. False when
  /// the peer has closed or broken the rules; the requests read before that still count.
  bool receive(std::vector<std::string>& requests);
  bool send(std::string_view reply);

  /// To be called before the handle is armed, and by whom an event gave the connection to: C++ does
  /// not know that epoll puts the one before the other.
  void leave() { left_.store(true, std::memory_order_release); }
  void take() { static_cast<void>(left_.load(std::memory_order_acquire)); }

 private:
  int socket_;
  FrameReader reader_;
  std::atomic<bool> left_{false};
};

/// Functions from any thread, but a connection is given back (again, drop) once per event.
class Sockets {
 public:
  /// Listens on 127.0.0.1; port 0 for a free one. Throws std::system_error.
  Sockets(std::uint16_t port, std::size_t connections_max, std::size_t frame_bytes_max);
  ~Sockets();
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  std::uint16_t port() const { return port_; }
  EventSet& events() { return events_; }

  /// The connection behind an event; null when it was the listening socket, whose new connections
  /// have then been taken in. One too many is closed and counted.
  Connection* open(void* event);
  void again(Connection* connection);  ///< It may be reported again.
  void drop(Connection* connection);

  std::uint64_t refused() const;

 private:
  void accept_all();

  const std::size_t connections_max_, frame_bytes_max_;
  EventSet events_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  // Any thread of a pool may accept or drop: the mutex keeps the two below.
  mutable std::mutex mutex_;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
  std::uint64_t refused_ = 0;
};

}  // namespace thread_pool
