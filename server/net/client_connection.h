// One client as the loop keeps it. Private to client_loop.cc; small, because there are many of them
// and most are idle.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/ids.h"
#include "server/net/client_loop.h"
#include "server/net/tls.h"
#include "znode/proto/frame.h"

namespace quorate::server {

/// Fresh -> Open -> Closing, or Fresh -> Word -> Closing. An end may come at any time.
enum class ClientStage : std::uint8_t {
  Fresh,    ///< No whole packet yet.
  Word,     ///< A four-letter word is being answered.
  Open,     ///< Told to the replica.
  Closing,  ///< Sends what is queued, then waits for the other side to end.
  Failed,   ///< Shut down; the next event ends it.
};

struct ClientConnection {
  /// Only while something is under way.
  struct Buffers {
    explicit Buffers(std::int32_t frame_max) : in(frame_max) {}
    Bytes out;  ///< From `sent` on: what has to leave.
    std::size_t sent = 0;
    FrameReader in;  ///< The beginning of a packet.
    std::size_t queued() const { return out.size() - sent; }
  };

  ClientConnection(ConnectionId its_id, int its_socket, Transport its_transport)
      : id(its_id), socket(its_socket), transport(its_transport) {}

  const ConnectionId id;
  std::unique_ptr<Buffers> buffers;
  std::unique_ptr<TlsSession> tls;
  std::int64_t since_ms = 0;  ///< Of the stage, while Fresh, Word or Closing.
  const int socket;
  std::uint32_t interest = 0;  ///< As the epoll set knows it.
  Transport transport;
  ClientStage stage = ClientStage::Fresh;
  bool told = false;     ///< on_open() has been called, and on_ended() is owed.
  bool paused = false;   ///< By the replica.
  bool choked = false;   ///< Its answers are not taken: not read either.
  bool awaited = false;  ///< await_drained() waits for choked to end.
  bool tls_wants_write = false;
  bool hung_up = false;  ///< We have said that nothing more comes.

  std::size_t queued() const { return buffers ? buffers->queued() : 0; }
};

}  // namespace quorate::server
