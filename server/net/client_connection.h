// One client: bytes to packets, and the four-letter words that may come instead.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/ids.h"
#include "server/net/byte_stream.h"
#include "server/net/inbox.h"
#include "znode/proto/frame.h"

namespace quorate::server {

class SocketClients;

/// Fresh -> (first four bytes are a four-letter word ? answered and closed : Open) -> closed.
class ClientConnection : public ByteStream::Owner {
 public:
  ClientConnection(SocketClients& clients, ConnectionId id, std::string address,
                   std::uint16_t remote_port, ByteStream::Socket socket);
  ~ClientConnection() override;

  void start() { stream_->start(); }
  ByteStream& stream() { return *stream_; }
  /// Lets go of the socket once everything queued has left.
  void finish() { stream_->finish(); }

  bool fresh() const { return fresh_; }
  const std::string& address() const { return address_; }
  std::int64_t opened_ms = 0;
  bool unflushed = false;

 private:
  void on_bytes(ByteView bytes) override;
  void on_end(const std::string& why) override;
  /// True: it was a four-letter word, and the connection is closing.
  bool answer_word(ByteView head);
  /// False: garbage, and the connection is closed.
  bool take_frames(ByteView bytes);

  SocketClients& clients_;
  const ConnectionId id_;
  const std::string address_;
  const std::uint16_t remote_port_;
  std::shared_ptr<ByteStream> stream_;
  FrameReader frames_;
  std::array<std::byte, 4> head_{};  ///< The first bytes, until there are four.
  std::uint8_t head_size_ = 0;
  bool fresh_ = true;
};

}  // namespace quorate::server
