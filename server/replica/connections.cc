#include "server/replica/connections.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "znode/acl.h"
#include "znode/proto/records.h"

namespace quorate::server {

namespace {
constexpr std::size_t kSpareBuffersMax = 64;
constexpr std::size_t kSpareBufferBytesMax = 64 << 10;

Listener listener_of(Connection& connection) {
  return {connection.id, connection.identities, connection.told};
}
}  // namespace

void ConnectionStatistics::answered_in(std::int64_t latency_ms) {
  constexpr std::int64_t kLastMax = (1 << 24) - 1;
  const auto latency =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(latency_ms, 0, kLastMax));
  min_latency_ms = answered == 0 ? latency : std::min(min_latency_ms, latency);
  max_latency_ms = std::max(max_latency_ms, latency);
  last_latency_ms = latency;
  total_latency_ms += latency;
  // Rather than wrap, the mean forgets half of its past.
  if (++answered == 0) {
    answered = 1U << 31;
    total_latency_ms /= 2;
  }
}

Connection& Connections::open(ConnectionId id, ClientOrigin origin) {
  auto [at, is_new] = connections_.emplace(id, std::make_unique<Connection>());
  ENSURE(is_new);
  at->second->id = id;
  at->second->port = origin.port;
  at->second->secure = origin.secure;
  at->second->identities.push_back({"ip", std::move(origin.address)});
  for (AuthId& proved : origin.proved) at->second->identities.push_back(std::move(proved));
  return *at->second;
}

Connection* Connections::find(ConnectionId id) {
  if (last_ != nullptr && last_->id == id) return last_;
  auto at = connections_.find(id);
  return at == connections_.end() ? nullptr : last_ = at->second.get();
}

Connection* Connections::of_session(SessionId session) {
  auto at = by_session_.find(session);
  return at == by_session_.end() ? nullptr : last_ = at->second;
}

void Connections::attach(Connection& connection, SessionId session) {
  ENSURE(!by_session_.contains(session));
  by_session_[session] = &connection;
  connection.session = session;
}

void Connections::detach(Connection& connection) {
  auto at = by_session_.find(connection.session);
  if (at != by_session_.end() && at->second == &connection) by_session_.erase(at);
}

void Connections::touched(Connection& connection) {
  if (connection.dirty) return;
  connection.dirty = true;
  dirty_.push_back(connection.id);
}

void Connections::event(Connection& connection, const znode::Fire& fire, Zxid zxid) {
  const std::uint64_t before = metrics_.response_bytes;
  send(connection, [&](JuteWriter& out) {
    encode(out, ReplyHeader{xid::kEvent, zxid, Code::Ok});
    encode(out, WatcherEvent{fire.type, KeeperState::SyncConnected, fire.path});
  });
  metrics_.watch_bytes += std::exchange(metrics_.response_bytes, before) - before;
}

// ---- Broadcasts
// ----------------------------------------------------------------------------------

void Connections::count_event(Connection& connection, std::size_t frame_bytes) {
  metrics_.watch_bytes += frame_bytes;
  metrics_.count_response(frame_bytes - sizeof(std::int32_t));
  ++connection.statistics.sent;
  ++packets_sent_;
}

void Connections::append_event(Connection& connection, ByteView frame) {
  if (connection.out.capacity() == 0) connection.out = take_buffer();
  append(connection.out, frame);
  count_event(connection, frame.size());
  touched(connection);
}

void Connections::catch_up(Connection& connection) {
  fan_out_.catch_up({connection.id, connection.identities, connection.told}, [&](ByteView frame) {
    REACHED("event told ahead of its slice");
    append_event(connection, frame);
  });
}

void Connections::broadcast(const znode::Fire& fire, Zxid zxid, const AclList* acl,
                            std::vector<ConnectionId> to) {
  Bytes frame;
  append_frame(frame, [&](JuteWriter& out) {
    encode(out, ReplyHeader{xid::kEvent, zxid, Code::Ok});
    encode(out, WatcherEvent{fire.type, KeeperState::SyncConnected, fire.path});
  });
  if (to.size() > limits_.at_once) {
    // Whoever makes events faster than they leave pays for it, not the memory.
    if (fan_out_.full()) {
      fan_out_.advance(
          fan_out_.left_of_oldest(), [this](ConnectionId id) { return find(id); }, listener_of,
          [this](Connection& connection, ByteView older) { append_event(connection, older); });
    }
    auto kept = acl == nullptr ? nullptr : std::make_shared<const AclList>(*acl);
    return fan_out_.add(std::move(frame), std::move(kept), std::move(to));
  }
  for (ConnectionId id : to) {
    Connection* connection = find(id);
    if (connection == nullptr) continue;
    if (acl != nullptr && !znode::permits(*acl, connection->identities, perm::kRead)) continue;
    if (!fan_out_.empty()) catch_up(*connection);
    append_event(*connection, frame);
  }
}

void Connections::tell_slice(Clients& clients) {
  fan_out_.advance(
      limits_.slice, [this](ConnectionId id) { return find(id); }, listener_of,
      [&](Connection& connection, ByteView frame) {
        // Nothing waits in front of it: straight on, without a buffer.
        if (!connection.out.empty()) return append_event(connection, frame);
        clients.send(connection.id, frame);
        count_event(connection, frame.size());
      });
  clients.flush();
}

// ---- The rest
// ------------------------------------------------------------------------------------

void Connections::reply(Connection& connection, const ReplyHeader& header) {
  send(connection, [&](JuteWriter& out) { encode(out, header); });
}

void Connections::close(Connection& connection) {
  departures_.push_back({connection.id, std::move(connection.out)});
  forget(connection);
}

void Connections::forget(Connection& connection) {
  detach(connection);
  if (last_ == &connection) last_ = nullptr;
  connections_.erase(connection.id);
}

std::vector<ConnectionId> Connections::ids() const {
  std::vector<ConnectionId> all;
  all.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) all.push_back(id);
  std::sort(all.begin(), all.end());
  return all;
}

void Connections::reset_connection_statistics() {
  for (auto& [id, connection] : connections_) {
    connection->statistics.reset();
    connection->last_op = 0;
  }
}

void Connections::flush(Clients& clients) {
  if (dirty_.empty() && departures_.empty()) return;
  for (ConnectionId id : dirty_) {
    Connection* connection = find(id);
    if (connection == nullptr) continue;
    connection->dirty = false;
    if (!connection->out.empty()) {
      clients.send(id, connection->out);
      give_back(std::exchange(connection->out, {}));
    }
    bool pause = connection->wants_pause();
    if (pause == connection->paused) continue;
    connection->paused = pause;
    pause ? clients.pause(id) : clients.resume(id);
  }
  dirty_.clear();
  for (Departure& departure : departures_) {
    if (!departure.out.empty()) clients.send(departure.id, departure.out);
    clients.close(departure.id);
    give_back(std::move(departure.out));
  }
  departures_.clear();
  clients.flush();
}

Bytes Connections::take_buffer() {
  if (spare_.empty()) return {};
  Bytes buffer = std::move(spare_.back());
  spare_.pop_back();
  return buffer;
}

void Connections::give_back(Bytes buffer) {
  if (spare_.size() >= kSpareBuffersMax || buffer.capacity() == 0 ||
      buffer.capacity() > kSpareBufferBytesMax) {
    return;
  }
  buffer.clear();
  spare_.push_back(std::move(buffer));
}

}  // namespace quorate::server
