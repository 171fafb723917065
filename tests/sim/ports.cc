#include "tests/sim/ports.h"

#include <algorithm>
#include <utility>

#include "consensus/codec.h"
#include "consensus/member_text.h"
#include "tests/sim/world.h"
#include "znode/proto/frame.h"

namespace quorate::sim {
namespace {

LinkId link_of(ConnId conn) {
  return LinkId{conn};
}

}  // namespace

// ---- Links
// ---------------------------------------------------------------------------------------

void SimLinks::vote(ServerId to, const consensus::Notification& notification) {
  world_.network.vote(server_.id(), static_cast<HostId>(to.value), notification);
}

void SimLinks::open(ServerId peer) {
  if (!wanted_.emplace(peer, 0).second) return;
  server_.post(0, [this, peer] { attempt(peer); });
}

void SimLinks::attempt(ServerId peer) {
  if (!wanted_.contains(peer)) return;
  ConnId conn = world_.network.connect(server_.id(), static_cast<HostId>(peer.value), Port::Quorum);
  connecting_[conn] = peer;
}

void SimLinks::cancel(ServerId peer) {
  wanted_.erase(peer);
  std::erase_if(connecting_, [&](const auto& attempt) {
    if (attempt.second != peer) return false;
    world_.network.close(attempt.first, server_.id());
    return true;
  });
}

bool SimLinks::connected(ConnId conn, bool ok) {
  auto at = connecting_.find(conn);
  if (at == connecting_.end()) return false;
  ServerId peer = at->second;
  connecting_.erase(at);
  if (ok) {
    wanted_.erase(peer);
    up_.insert(conn);
    server_.replica().on_link_up(link_of(conn), peer);
    return true;
  }
  auto wanted = wanted_.find(peer);
  if (wanted == wanted_.end()) return true;
  static constexpr Micros kPauses[] = {2, 5, 10, 20};
  Micros pause = kPauses[std::min(wanted->second++, 3)] * kMillisecond;
  server_.post(pause, [this, peer] { attempt(peer); });
  return true;
}

void SimLinks::accepted(ConnId conn) {
  up_.insert(conn);
  if (world_.plan.mutant == Mutant::UnconfirmedSync) learners_[conn];
  server_.replica().on_link_up(link_of(conn), std::nullopt);
}

bool SimLinks::ended(ConnId conn) {
  out_.erase(conn);
  learners_.erase(conn);
  return up_.erase(conn) != 0;
}

void SimLinks::close(LinkId link) {
  if (!up_.contains(link.value)) return;
  ended(link.value);
  world_.network.close(link.value, server_.id());
  server_.post(0, [this, link] { server_.replica().on_link_down(link); });
}

void SimLinks::send(LinkId link, const consensus::QuorumPacket& packet) {
  if (!up_.contains(link.value) || loses_upgrade(packet)) return;
  if (silenced(packet)) {
    consensus::encode(out_[link.value], {packet.type, packet.zxid, SharedBytes(), std::nullopt});
  } else {
    consensus::encode(out_[link.value], packet);
  }
  plant_behind(link, packet);
  confirm(link, packet);
  limit(link.value);
}

void SimLinks::bytes(ConnId conn, ByteView input) {
  auto learner = learners_.find(conn);
  if (learner == learners_.end()) return server_.replica().on_link_bytes(link_of(conn), input);
  // Whole packets only: an answer that is made up must not fall into the middle of one.
  learner->second.heard = world_.scheduler.now();
  Bytes& part = learner->second.part;
  append(part, input);
  ByteView rest = part;
  for (bool more = true; more;) {
    auto packet = consensus::take_packet(rest, world_.plan.link_queue_max);
    more = packet && *packet;
  }
  const auto whole = static_cast<std::ptrdiff_t>(part.size() - rest.size());
  const Bytes packets(part.begin(), part.begin() + whole);
  part.erase(part.begin(), part.begin() + whole);
  if (!packets.empty()) server_.replica().on_link_bytes(link_of(conn), packets);
}

/// The mutant: a PING counts as answered the moment it is sent. A learner is lost all the same, but
/// so late that those who were cut off have had the time to elect another leader.
void SimLinks::confirm(LinkId link, const consensus::QuorumPacket& packet) {
  auto learner = learners_.find(link.value);
  if (learner == learners_.end() || packet.type != consensus::PacketType::Ping) return;
  const Micros patience = 3 * world_.plan.sync_limit * world_.plan.tick_time_ms * kMillisecond;
  if (world_.scheduler.now() - learner->second.heard > patience) return;
  server_.post(0, [this, link, zxid = packet.zxid] {
    if (!up_.contains(link.value)) return;
    Bytes answer;
    consensus::encode(answer, {consensus::PacketType::Ping, zxid, SharedBytes(), std::nullopt});
    server_.replica().on_link_bytes(link, answer);
  });
}

/// The mutant: a learner's answer to PING, which names the sessions it has heard of, names none.
bool SimLinks::silenced(const consensus::QuorumPacket& packet) const {
  return world_.plan.mutant == Mutant::SessionNotRevived &&
         packet.type == consensus::PacketType::Ping && !server_.leading();
}

/// The mutant: where sessions are local, a createSession that comes from a learner is an upgrade.
bool SimLinks::loses_upgrade(const consensus::QuorumPacket& packet) const {
  if (world_.plan.mutant != Mutant::LoseUpgrade) return false;
  if (packet.type != consensus::PacketType::Request) return false;
  const auto request = consensus::decode_request(packet);
  return request && static_cast<OpCode>(request->op) == OpCode::CreateSession;
}

/// The mutant: whoever loses its vote counts as having acknowledged that.
bool SimLinks::counts_unasked(HostId learner, const consensus::QuorumPacket& packet) const {
  const auto text = consensus::reconfig_text(packet.data->view());
  if (!text) return false;
  world_.nemesis.reconfig_leaves(server_.id(), learner);
  return world_.plan.mutant == Mutant::NewQuorumOnly &&
         !consensus::parse_config_text(*text)->is_voter(ServerId{learner});
}

/// The mutants of a leader that does not wait for its quorum.
void SimLinks::plant_behind(LinkId link, const consensus::QuorumPacket& packet) {
  if (packet.type != consensus::PacketType::Proposal) return;
  const HostId learner = world_.network.other_end(link.value, server_.id());
  const bool unasked = world_.plan.faults.reconfig && counts_unasked(learner, packet);
  if (world_.plan.mutant == Mutant::ReplyBeforeQuorum) {
    consensus::encode(out_[link.value],
                      {consensus::PacketType::Commit, packet.zxid, std::nullopt, std::nullopt});
  } else if (world_.plan.mutant == Mutant::CommitOnMinority || unasked) {
    server_.post(1, [this, link, zxid = packet.zxid] {
      if (!up_.contains(link.value)) return;
      Bytes ack;
      consensus::encode(ack, {consensus::PacketType::Ack, zxid, std::nullopt, std::nullopt});
      server_.replica().on_link_bytes(link, ack);
    });
  }
}

std::size_t SimLinks::longest_queue() const {
  std::size_t longest = 0;
  for (ConnId conn : up_) longest = std::max(longest, queued_bytes(link_of(conn)));
  return longest;
}

void SimLinks::send_raw(LinkId link, SharedBytes bytes) {
  if (!up_.contains(link.value)) return;
  append(out_[link.value], bytes.view());
  limit(link.value);
}

void SimLinks::limit(ConnId conn) {
  if (queued_bytes(link_of(conn)) <= world_.plan.link_queue_max) return;
  ended(conn);
  world_.network.break_connection(conn);
  world_.network.close(conn, server_.id());
  server_.post(0, [this, conn] { server_.replica().on_link_down(link_of(conn)); });
}

std::size_t SimLinks::queued_bytes(LinkId link) const {
  auto at = out_.find(link.value);
  return world_.network.queued(link.value, server_.id()) +
         (at == out_.end() ? 0 : at->second.size());
}

void SimLinks::flush() {
  for (auto& [conn, bytes] : out_) world_.network.send(conn, server_.id(), std::move(bytes));
  out_.clear();
}

// ---- Clients
// -------------------------------------------------------------------------------------

void SimClients::send(ConnectionId connection, ByteView frames) {
  auto at = conns_.find(connection.value);
  if (at != conns_.end()) append(at->second.out, frames);
}

void SimClients::close(ConnectionId connection) {
  auto at = conns_.find(connection.value);
  if (at == conns_.end()) return;
  world_.network.send(at->first, server_.id(), std::move(at->second.out));
  world_.network.close(at->first, server_.id());
  conns_.erase(at);
}

void SimClients::pause(ConnectionId connection) {
  auto at = conns_.find(connection.value);
  if (at != conns_.end()) at->second.paused = true;
}

void SimClients::resume(ConnectionId connection) {
  auto at = conns_.find(connection.value);
  if (at == conns_.end() || !at->second.paused) return;
  at->second.paused = false;
  server_.post(0, [this, conn = at->first] { drain(conn); });
}

void SimClients::flush() {
  for (auto& [conn, state] : conns_) {
    if (state.out.empty()) continue;
    if (world_.plan.mutant == Mutant::WatchAfterReply) events_last(state);
    world_.network.send(conn, server_.id(), std::exchange(state.out, {}));
  }
}

/// The mutant: events stay behind until there is an answer to leave with, and go after it.
void SimClients::events_last(Conn& conn) {
  Bytes answers;
  ByteView frames = conn.out;
  while (!frames.empty()) {
    auto size = 4 + static_cast<std::size_t>(load_be<std::int32_t>(frames.data()));
    const bool event = load_be<std::int32_t>(frames.data() + 4) == xid::kEvent;
    append(event ? conn.late : answers, frames.first(size));
    frames = frames.subspan(size);
  }
  if (!answers.empty()) append(answers, std::exchange(conn.late, {}));
  conn.out = std::move(answers);
}

void SimClients::accepted(ConnId conn, HostId from) {
  conns_[conn];
  server_.replica().on_client_open(ConnectionId{conn}, {"10.1.0." + std::to_string(from)});
}

void SimClients::bytes(ConnId conn, ByteView input) {
  append(conns_.at(conn).in, input);
  drain(conn);
}

void SimClients::drain(ConnId conn) {
  auto at = conns_.find(conn);
  if (at == conns_.end()) return;
  Conn& state = at->second;
  std::size_t used = 0;
  while (!state.paused && state.in.size() - used >= 4) {
    auto length = static_cast<std::size_t>(load_be<std::int32_t>(state.in.data() + used));
    if (state.in.size() - used - 4 < length) break;
    server_.replica().on_client_frame(ConnectionId{conn},
                                      ByteView(state.in).subspan(used + 4, length));
    used += 4 + length;
    if (!conns_.contains(conn)) return;
  }
  state.in.erase(state.in.begin(), state.in.begin() + static_cast<std::ptrdiff_t>(used));
}

// ---- Clock and observer
// --------------------------------------------------------------------------

std::int64_t SimClock::now_ms() const {
  Micros now = world_.scheduler.now();
  return server_.clock_offset_ms_ + (now + now * server_.drift_ppm_ / 1'000'000) / kMillisecond;
}

std::int64_t SimClock::wall_ms() const {
  return 1'700'000'000'000 + world_.scheduler.now() / kMillisecond +
         server_.clock_offset_ms_ % 1000 + server_.wall_jumps_ms_;
}

void SimObserver::on_event(const consensus::Event& event) {
  world_.trace.note("server " + std::to_string(id_) + " " + consensus::name_of(event.kind),
                    "peer=" + to_string(event.peer) + " epoch=" + std::to_string(event.epoch) +
                        " zxid=" + to_string(event.zxid) + " " + event.detail);
  world_.checks.on_event(id_, event);
  world_.servers[static_cast<std::size_t>(id_) - 1]->happened(event.kind);
}

void SimObserver::note(char severity, const std::string& text) {
  world_.trace.note("server " + std::to_string(id_) + " note " + severity, text);
  world_.checks.on_note(id_, severity, text);
}

}  // namespace quorate::sim
