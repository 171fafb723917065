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
#include "server/replica/fan_out.h"
#include "server/replica/metrics.h"
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

/// What cons and stat tell of a connection. Small, because an idle session must be.
struct ConnectionStatistics {
  std::uint64_t received = 0, sent = 0;     ///< Packets.
  std::int64_t established_ms = 0;          ///< Since 1970.
  Zxid last_zxid{-1};                       ///< Of the last answer.
  std::int64_t last_response_ms = 0;        ///< Monotonic.
  std::uint64_t total_latency_ms : 40 = 0;  ///< 34 years.
  std::uint64_t last_latency_ms : 24 = 0;   ///< Four hours; longer is that.
  std::uint32_t answered = 0;
  std::int32_t last_cxid = -1;  ///< -1: no request yet.
  std::uint32_t min_latency_ms = 0, max_latency_ms = 0;

  void answered_in(std::int64_t latency_ms);
  /// crst.
  void reset() {
    const std::int64_t established = established_ms;
    *this = {};
    established_ms = established;
  }
};
static_assert(sizeof(ConnectionStatistics) <= 64);

struct Connection {
  ConnectionId id;
  Stage stage = Stage::Sessionless;
  bool throttled = false;    ///< Above a limit of the gate.
  bool dirty = false;        ///< On the list of those to flush.
  bool paused = false;       ///< As the port was last told.
  bool reported = false;     ///< Learner: in the list of touches for the next PING reply.
  bool secure = false;       ///< TLS.
  bool sasl_over = false;    ///< A login has come to its end, good or bad: there is no second one.
  bool local = false;        ///< Its session is one of LocalSessions.
  std::uint16_t port = 0;    ///< The client's own port.
  std::int16_t last_op = 0;  ///< OpCode of the last answer; 0: none.
  std::int32_t timeout_ms = 0;
  SessionId session;
  Zxid attached_after;  ///< Last zxid logged here when the session came to this connection.
  std::uint64_t read_round = 0;   ///< The last that a read of this connection waits for.
  std::uint64_t told = 0;         ///< See Listener.
  std::optional<bool> read_only;  ///< The byte of the connect request; the answer mirrors it.
  znode::Identities identities;
  RequestQueue queue;
  std::unique_ptr<SaslConversation> sasl;  ///< From its first token to its end.
  std::vector<Bytes> held;                 ///< Frames that came before the handshake was over.
  Bytes out;
  ConnectionStatistics statistics;

  bool wants_pause() const {
    return throttled || stage == Stage::Creating || stage == Stage::Revalidating;
  }
};

/// Owner of all Connection values. Whatever is appended to `out` of a connection leaves with
/// flush(), in one piece and in that order: so events and replies keep the order in which the
/// replica made them (hazard R64).
class Connections {
 public:
  Connections(FanOutLimits limits, ReplicaMetrics& metrics) : limits_(limits), metrics_(metrics) {}

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
  /// Tells those of `to` who have READ by `acl` (nullptr: all): a few at once, more by slices.
  void broadcast(const znode::Fire& fire, Zxid zxid, const AclList* acl,
                 std::vector<ConnectionId> to);
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
  void reset_connection_statistics();  ///< crst.
  /// Calls `visit(const Connection&)` for each, by ascending id.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (ConnectionId id : ids()) visit(*connections_.at(id));
  }

  void flush(Clients& clients);

  /// Broadcasts wait for tell_slice().
  bool has_slices() const { return !fan_out_.empty(); }
  /// Hands the next slice to the port.
  void tell_slice(Clients& clients);

 private:
  struct Departure {
    ConnectionId id;
    Bytes out;
  };
  void detach(Connection& connection);
  /// Before anything else is appended to `out`.
  void catch_up(Connection& connection);
  void count_event(Connection& connection, std::size_t frame_bytes);
  void append_event(Connection& connection, ByteView frame);
  Bytes take_buffer();
  void give_back(Bytes buffer);

  const FanOutLimits limits_;
  ReplicaMetrics& metrics_;
  std::unordered_map<ConnectionId, std::unique_ptr<Connection>> connections_;
  Connection* last_ = nullptr;  ///< That was asked for: nearly always the next one, too.
  std::unordered_map<SessionId, Connection*> by_session_;
  std::vector<ConnectionId> dirty_;
  std::vector<Departure> departures_;
  FanOut fan_out_;
  std::vector<Bytes> spare_;  ///< Empty buffers with capacity: an idle connection holds none.
  std::uint64_t packets_sent_ = 0;
};

template <class Fill>
void Connections::send(Connection& connection, Fill&& fill) {
  if (!fan_out_.empty()) catch_up(connection);
  if (connection.out.capacity() == 0) connection.out = take_buffer();
  const std::size_t before = connection.out.size();
  append_frame(connection.out, fill);
  metrics_.response_bytes += connection.out.size() - before;
  metrics_.count_response(connection.out.size() - before - sizeof(std::int32_t));
  ++connection.statistics.sent;
  ++packets_sent_;
  touched(connection);
}

}  // namespace quorate::server
