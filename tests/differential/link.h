// One connection to one server, in whole packets.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "znode/proto/frame.h"

namespace quorate::differential {

struct Address {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
};

/// A socket that keeps what has arrived as packets. A server that ends the connection, by whatever
/// means, is told apart from one that is silent, and from nothing else.
class Link {
 public:
  /// Ends the program with a message when nobody listens.
  explicit Link(const Address& address);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Bytes that a closed connection does not take are lost, as they are for any client.
  void send(ByteView bytes);
  void send_packet(ByteView body);

  bool closed() const { return closed_; }
  std::deque<Bytes>& packets() { return packets_; }
  const std::deque<Bytes>& packets() const { return packets_; }

 private:
  friend bool wait_until(std::span<Link* const> links, const std::function<bool()>& reached);
  void take_arrived();

  int fd_ = -1;
  bool closed_ = false;
  FrameReader reader_{1 << 30};
  std::deque<Bytes> packets_;
};

/// Receives on `links` until `reached`; false when it is not within 10 s.
bool wait_until(std::span<Link* const> links, const std::function<bool()>& reached);

}  // namespace quorate::differential
