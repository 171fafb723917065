#include "tests/sim/network.h"

#include "base/ensure.h"

namespace quorate::sim {

Network::Network(const Plan& plan, Scheduler& scheduler, Trace& trace, Random random)
    : plan_(plan), scheduler_(scheduler), trace_(trace), random_(random) {}

Host* Network::host(HostId id) const {
  auto at = hosts_.find(id);
  return at == hosts_.end() ? nullptr : at->second;
}

Micros Network::delay(HostId from, HostId to) {
  Micros base = plan_.delay_min + random_.between(0, 2 * plan_.delay_mean);
  if (random_.percent(1)) base *= 10;  // The tail of real networks.
  auto at = slow_.find({from, to});
  return at == slow_.end() ? base : base * at->second;
}

void Network::attach(HostId id, Host& attached) {
  hosts_[id] = &attached;
  silent_.erase(id);
  if (id >= kFirstClient) return;
  for (const auto& [peer, unused] : hosts_) {
    if (peer == id || peer >= kFirstClient) continue;
    tell_link(peer, id, true);
    unreachable_.erase({id, peer});
  }
}

void Network::detach(HostId id, bool silent) {
  hosts_.erase(id);
  if (silent) silent_.insert(id);
  std::vector<ConnId> gone;
  for (auto& [conn_id, conn] : conns_) {
    for (int side : {0, 1}) {
      if (conn.host[side] != id) continue;
      conn.open[side] = false;
      conn.direction[side].waiting.clear();
      if (!silent) tell_end(conn_id, 1 - side);
      if (!conn.open[1 - side]) gone.push_back(conn_id);
    }
  }
  for (ConnId conn_id : gone) conns_.erase(conn_id);
  for (auto& [pair, slot] : votes_) {
    if (pair.first == id) slot.waiting.reset();
    if (pair.first == id || pair.second == id) slot.moving.reset();
  }
  if (silent || id >= kFirstClient) return;
  for (const auto& [peer, unused] : hosts_) {
    if (peer < kFirstClient) tell_link(peer, id, false);
  }
}

// ---- Connections
// ---------------------------------------------------------------------------------

ConnId Network::connect(HostId from, HostId to, Port port) {
  ConnId id = next_conn_++;
  Conn& conn = conns_[id];
  conn.host[0] = from;
  conn.host[1] = to;
  conn.port = port;
  conn.open[0] = true;
  scheduler_.after(delay(from, to), [this, id] { try_connect(id); });
  return id;
}

void Network::try_connect(ConnId id) {
  auto at = conns_.find(id);
  if (at == conns_.end() || !at->second.open[0]) return;
  Conn& conn = at->second;
  HostId from = conn.host[0], to = conn.host[1];
  bool answered = !is_cut(from, to) && !is_cut(to, from) && !silent_.contains(to);
  if (!answered) {
    Micros patience = random_.between(300, 1500) * kMillisecond;
    scheduler_.after(patience, [this, id] { finish_connect(id, false); });
    return;
  }
  bool accepted = host(to) != nullptr;
  Micros back = delay(to, from);
  scheduler_.after(back, [this, id, accepted] { finish_connect(id, accepted); });
  if (!accepted) return;
  conn.open[1] = true;
  // Nothing overtakes the answer to the connect.
  conn.direction[1].earliest = scheduler_.now() + back + 1;
  host(to)->on_accepted(id, from, conn.port);
}

void Network::finish_connect(ConnId id, bool ok) {
  auto at = conns_.find(id);
  if (at == conns_.end() || !at->second.open[0]) return;
  Host* from = host(at->second.host[0]);
  if (!ok) conns_.erase(at);
  if (from != nullptr) from->on_connected(id, ok);
}

void Network::send(ConnId id, HostId from, Bytes bytes) {
  auto at = conns_.find(id);
  if (at == conns_.end() || bytes.empty()) return;
  int side = at->second.host[0] == from ? 0 : 1;
  if (!at->second.open[side] || at->second.broken) return;
  append(at->second.direction[side].waiting, bytes);
  move(id, side);
}

std::size_t Network::queued(ConnId id, HostId from) const {
  auto at = conns_.find(id);
  if (at == conns_.end()) return 0;
  return at->second.direction[at->second.host[0] == from ? 0 : 1].waiting.size();
}

void Network::move(ConnId id, int side) {
  Conn& conn = conns_.at(id);
  Direction& direction = conn.direction[side];
  if (direction.moving || (direction.waiting.empty() && !direction.end)) return;
  direction.moving = true;
  Micros when =
      std::max(scheduler_.now() + delay(conn.host[side], conn.host[1 - side]), direction.earliest);
  direction.earliest = when;
  scheduler_.after(when - scheduler_.now(), [this, id, side] { deliver(id, side); });
}

void Network::deliver(ConnId id, int side) {
  auto at = conns_.find(id);
  if (at == conns_.end()) return;
  Conn& conn = at->second;
  Direction& direction = conn.direction[side];
  HostId from = conn.host[side], to = conn.host[1 - side];
  if (is_cut(from, to)) {  // The kernel sends again and again.
    scheduler_.after(random_.between(20, 300) * kMillisecond,
                     [this, id, side] { deliver(id, side); });
    return;
  }
  direction.moving = false;
  Host* receiver = host(to);
  if (!conn.open[1 - side]) {
    if (plan_.mutant == Mutant::StaleLink) deliver_stale(conn, side, direction.waiting);
    direction.waiting.clear();
    // A machine that is up again, or a process that has closed, answers with a reset.
    if (receiver != nullptr && conn.open[side]) tell_end(id, side);
    if (!conn.open[side]) conns_.erase(at);
    return;
  }
  if (direction.waiting.empty()) {
    if (direction.end) end_arrives(id, 1 - side);
    return;
  }
  std::size_t size = direction.waiting.size();
  if (random_.percent(plan_.chunk_percent)) size = 1 + random_.below(size);
  Bytes piece(direction.waiting.begin(),
              direction.waiting.begin() + static_cast<std::ptrdiff_t>(size));
  direction.waiting.erase(direction.waiting.begin(),
                          direction.waiting.begin() + static_cast<std::ptrdiff_t>(size));
  trace_.event("bytes", {from, to, id, static_cast<std::int64_t>(size)});
  trace_.bytes(piece);
  move(id, side);
  receiver->on_bytes(id, piece);
}

/// The mutant: bytes of a connection that its receiver has closed come out of the next one.
void Network::deliver_stale(const Conn& old, int side, ByteView bytes) {
  if (old.port != Port::Quorum || bytes.empty()) return;
  for (auto& [id, conn] : conns_) {
    bool successor = conn.port == old.port && conn.host[0] == old.host[0] &&
                     conn.host[1] == old.host[1] && conn.open[0] && conn.open[1];
    if (!successor) continue;
    trace_.event("stale-bytes", {id, static_cast<std::int64_t>(bytes.size())});
    Bytes copy(bytes.begin(), bytes.end());
    host(conn.host[1 - side])->on_bytes(id, copy);
    return;
  }
}

/// The end at `side` will hear that the connection is gone, as soon as the other's packets get
/// there.
void Network::tell_end(ConnId id, int side) {
  auto at = conns_.find(id);
  if (at == conns_.end() || !at->second.open[side]) return;
  HostId from = at->second.host[1 - side], to = at->second.host[side];
  if (is_cut(from, to)) {
    scheduler_.after(random_.between(20, 300) * kMillisecond,
                     [this, id, side] { tell_end(id, side); });
    return;
  }
  scheduler_.after(delay(from, to), [this, id, side] { end_arrives(id, side); });
}

void Network::end_arrives(ConnId id, int side) {
  auto at = conns_.find(id);
  if (at == conns_.end() || !at->second.open[side]) return;
  at->second.open[side] = false;
  Host* told = host(at->second.host[side]);
  at->second.direction[side].waiting.clear();
  trace_.event("end", {at->second.host[side], id});
  if (!at->second.open[1 - side]) conns_.erase(at);
  if (told != nullptr) told->on_end(id);
}

void Network::close(ConnId id, HostId from) {
  auto at = conns_.find(id);
  if (at == conns_.end()) return;
  int side = at->second.host[0] == from ? 0 : 1;
  at->second.open[side] = false;
  if (!at->second.open[1 - side]) {
    // Kept while bytes are under way, so that they can arrive late, at nobody.
    if (!at->second.direction[1 - side].moving) conns_.erase(at);
    return;
  }
  at->second.direction[side].end = true;
  move(id, side);
}

void Network::break_connection(ConnId id) {
  auto at = conns_.find(id);
  if (at == conns_.end()) return;
  trace_.event("break", {at->second.host[0], at->second.host[1], id});
  at->second.broken = true;
  for (int side : {0, 1}) {
    at->second.direction[side].waiting.clear();
    scheduler_.after(random_.between(0, 5) * kMillisecond,
                     [this, id, side] { end_arrives(id, side); });
  }
}

std::vector<ConnId> Network::connections(HostId wanted) const {
  std::vector<ConnId> found;
  for (const auto& [id, conn] : conns_) {
    if ((conn.host[0] == wanted || conn.host[1] == wanted) && conn.open[0] && conn.open[1]) {
      found.push_back(id);
    }
  }
  return found;
}

HostId Network::other_end(ConnId conn, HostId from) const {
  const auto at = conns_.find(conn);
  if (at == conns_.end()) return 0;
  return at->second.host[at->second.host[0] == from ? 1 : 0];
}

// ---- Election
// ------------------------------------------------------------------------------------

void Network::vote(HostId from, HostId to, consensus::Notification notification) {
  votes_[{from, to}].waiting = std::move(notification);
  move_vote({from, to});
}

void Network::move_vote(Pair pair) {
  VoteSlot& slot = votes_[pair];
  if (slot.scheduled) return;
  if (!slot.moving) {
    if (!slot.waiting) return;
    slot.moving = std::exchange(slot.waiting, std::nullopt);
  }
  slot.scheduled = true;
  scheduler_.after(delay(pair.first, pair.second), [this, pair] { deliver_vote(pair); });
}

void Network::deliver_vote(Pair pair) {
  VoteSlot& slot = votes_[pair];
  slot.scheduled = false;
  Host* receiver = host(pair.second);
  if (is_cut(pair.first, pair.second) || receiver == nullptr) {
    if (!slot.moving && !slot.waiting) return;
    slot.scheduled = true;
    scheduler_.after(random_.between(10, 150) * kMillisecond, [this, pair] { deliver_vote(pair); });
    return;
  }
  if (slot.moving) {
    consensus::Notification notification = *std::exchange(slot.moving, std::nullopt);
    trace_.event("vote", {pair.first, pair.second, notification.leader.value,
                          notification.zxid.value, notification.round, notification.peer_epoch,
                          static_cast<std::int64_t>(notification.state)});
    if (unreachable_.erase({pair.second, pair.first}) != 0) {
      receiver->on_election_link(pair.first, true);
    }
    receiver->on_vote(pair.first, notification);
  }
  move_vote(pair);
}

void Network::tell_link(HostId to, HostId peer, bool reachable) {
  scheduler_.after(delay(peer, to), [this, to, peer, reachable] {
    if (host(to) == nullptr || is_cut(peer, to)) return;
    bool changed =
        reachable ? unreachable_.erase({to, peer}) != 0 : unreachable_.insert({to, peer}).second;
    if (changed) host(to)->on_election_link(peer, reachable);
  });
}

void Network::break_election_link(HostId a, HostId b) {
  for (Pair pair : {Pair{a, b}, Pair{b, a}}) {
    votes_[pair].moving.reset();
    tell_link(pair.first, pair.second, false);
    scheduler_.after(random_.between(1, 50) * kMillisecond,
                     [this, pair] { tell_link(pair.first, pair.second, true); });
  }
}

}  // namespace quorate::sim
