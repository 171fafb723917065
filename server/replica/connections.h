// The client connections of this server: what each is, and what waits to be sent to it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "server/replica/client_origin.h"
#include "server/replica/ports.h"
#include "server/replica/request_gate.h"
#include "znode/op.h"
#include "znode/proto/frame.h"

namespace quorate::server {

enum class Stage {
  Sessionless,   ///< No connect request yet.
  Creating,      ///< Its session is being created.
  Revalidating,  ///< The leader is asked whether its session lives.
  Open,
};

struct Connection {
  ConnectionId id;
  Stage stage = Stage::Sessionless;
  bool throttled = false;  ///< Above a limit of the gate.
  bool dirty = false;      ///< On the list of those to flush.
  bool paused = false;     ///< As the port was last told.
  bool reported = false;   ///< Learner: in the list of touches for the next PING reply.
  std::int32_t timeout_ms = 0;
  SessionId session;
  Zxid attached_after;  ///< Last zxid logged here when the session came to this connection.
  std::optional<bool> read_only;  ///< The byte of the connect request; the answer mirrors it.
  znode::Identities identities;
  RequestQueue queue;
  std::vector<Bytes> held;  ///< Frames that came before the handshake was over.
  Bytes out;

  bool wants_pause() const {
    return throttled || stage == Stage::Creating || stage == Stage::Revalidating;
  }
};

/// Owner of all Connection values. Whatever is appended to `out` of a connection leaves with
/// flush(), in one piece and in that order: so events and replies keep the order in which the
/// replica made them (hazard R64).
class Connections {
 public:
  Connection& open(ConnectionId id, ClientOrigin origin);
  /// nullptr when it has ended or is closing.
  Connection* find(ConnectionId id);
  Connection* of_session(SessionId session);
  void attach(Connection& connection, SessionId session);

  /// Must be called after a change of `out` or wants_pause().
  void touched(Connection& connection);

  /// Appends one frame made by `fill(JuteWriter&)`.
  template <class Fill>
  void send(Connection& connection, Fill&& fill);
  void event(Connection& connection, const znode::Fire& fire, Zxid zxid);
  void reply(Connection& connection, const ReplyHeader& header);

  /// Closes once what is in `out` has been sent. The value is gone afterwards.
  void close(Connection& connection);
  /// The socket has ended by itself.
  void forget(Connection& connection);

  /// All ids, ascending.
  std::vector<ConnectionId> ids() const;
  std::size_t size() const { return connections_.size(); }
  std::uint64_t packets_sent() const { return packets_sent_; }
  void reset_statistics() { packets_sent_ = 0; }

  void flush(Clients& clients);

 private:
  struct Departure {
    ConnectionId id;
    Bytes out;
  };
  void detach(Connection& connection);
  Bytes take_buffer();
  void give_back(Bytes buffer);

  std::unordered_map<ConnectionId, std::unique_ptr<Connection>> connections_;
  std::unordered_map<SessionId, Connection*> by_session_;
  std::vector<ConnectionId> dirty_;
  std::vector<Departure> departures_;
  std::vector<Bytes> spare_;  ///< Empty buffers with capacity: an idle connection holds none.
  std::uint64_t packets_sent_ = 0;
};

template <class Fill>
void Connections::send(Connection& connection, Fill&& fill) {
  if (connection.out.capacity() == 0) connection.out = take_buffer();
  append_frame(connection.out, fill);
  ++packets_sent_;
  touched(connection);
}

}  // namespace quorate::server
